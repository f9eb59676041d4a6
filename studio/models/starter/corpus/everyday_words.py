"""The words of ordinary talk: feelings, things people judge, errands and topics."""

from studio.models.starter.corpus.conversation import words

SUBJECTS = {
    domain: words(text)
    for domain, text in {
        "show": "film, movie, story, book, play, show, concert, song, ending, acting, music, plot",
        "food": "food, meal, soup, pizza, cake, dinner, breakfast, coffee, salad, bread, pasta,"
        " lunch",
        "people": "service, waiter, staff, driver, doctor, teacher, guide, team, nurse, cook,"
        " neighbour",
        "place": "hotel, room, restaurant, beach, park, city, museum, flat, garden, shop, cafe,"
        " bed",
        "thing": "phone, laptop, camera, bag, car, chair, jacket, battery, screen, printer, watch,"
        " lamp",
        "event": "trip, holiday, party, lesson, match, game, weather, flight, visit, journey, tour,"
        " weekend",
    }.items()
}
POSITIVE = {
    "any": words(
        "wonderful, great, excellent, lovely, fantastic, brilliant, amazing, perfect, superb, good,"
        " delightful, pleasant, outstanding, splendid, impressive, marvellous, nice, fine"
    ),
    "show": words("exciting, funny, moving, clever, beautiful, enjoyable, charming"),
    "food": words("delicious, tasty, fresh, warm, enjoyable"),
    "people": words("friendly, helpful, kind, polite, patient, quick, honest, charming"),
    "place": words("clean, comfortable, quiet, cosy, beautiful, charming, bright"),
    "thing": words("reliable, useful, solid, handy, beautiful, fast"),
    "event": words("exciting, relaxing, fun, enjoyable, beautiful"),
}
NEGATIVE = {
    "any": words(
        "terrible, awful, horrible, dreadful, bad, poor, disappointing, unpleasant, hopeless,"
        " miserable, annoying, shocking, useless, nasty, ridiculous, pathetic, dire, weak"
    ),
    "show": words("boring, dull, silly, slow, confusing, predictable, tiresome"),
    "food": words("disgusting, cold, stale, bland, greasy, burnt"),
    "people": words("rude, slow, careless, lazy, unfriendly, impatient, dishonest, late"),
    "place": words("dirty, noisy, ugly, messy, smelly, dark, uncomfortable"),
    "thing": words("broken, flimsy, faulty, clumsy, ugly, unreliable"),
    "event": words("boring, tiring, dull, stressful, painful, chaotic"),
}
PRAISE = (
    "The {s} was {a}.",
    "The {s} was {a}.",
    "The {s} was really {a}.",
    "The {s} is {a}.",
    "What {xa} {s}!",
    "I loved the {s} because it was {a}.",
    "I loved the {s}.",
    "I liked the {s} a lot.",
    "I enjoyed the {s} very much.",
    "The {s} was {a} and {b}.",
    "We were very happy with the {s}.",
    "I would recommend the {s} to everyone.",
    "Everybody liked the {s}.",
    "The {s} made me happy.",
    "I want to have this {s} again.",
    "This is the best {s} I know.",
    "The {s} was so {a} that I smiled.",
    "It was {xa} {s}.",
    "I am glad that I chose this {s}.",
    "The {s} was worth the money.",
    "My friends love the {s}.",
    "The {s} was not {z} at all.",
    "At first the {s} was {z}, but in the end it was {a}.",
    "I expected {xz} {s}, but it was {a}.",
    "I thought the {s} was {a}.",
    "The {s} seemed {a} to me.",
    "Thank you for the {a} {s}.",
    "We had {xa} {s}.",
    "The {s} could not be better.",
    "I found the {s} {a}.",
    "The {s} was {a}, so we will come back.",
    "Such {xa} {s}!",
)
BLAME = (
    "The {s} was {z}.",
    "The {s} was {z}.",
    "The {s} was really {z}.",
    "The {s} is {z}.",
    "What {xz} {s}!",
    "I hated the {s} because it was {z}.",
    "I hated the {s}.",
    "I did not like the {s}.",
    "I did not enjoy the {s}.",
    "The {s} was {z} and {y}.",
    "We were very unhappy with the {s}.",
    "I would not recommend the {s} to anyone.",
    "Nobody liked the {s}.",
    "The {s} made me angry.",
    "I never want to have this {s} again.",
    "This is the worst {s} I know.",
    "The {s} was so {z} that I left.",
    "It was {xz} {s}.",
    "I am sorry that I chose this {s}.",
    "The {s} was a waste of money.",
    "My friends hate the {s}.",
    "The {s} was not {a} at all.",
    "At first the {s} was {a}, but in the end it was {z}.",
    "I expected {xa} {s}, but it was {z}.",
    "I thought the {s} was {z}.",
    "The {s} seemed {z} to me.",
    "I want to complain about the {z} {s}.",
    "We had {xz} {s}.",
    "The {s} could not be worse.",
    "I found the {s} {z}.",
    "The {s} was {z}, so we will not come back.",
    "Such {xz} {s}!",
)
GOOD_NEWS = words(
    "I feel happy, I feel great, I am happy, I feel calm, I am very glad, I feel proud,"
    " I am excited, I feel better, I passed my exam, I won the game, I got the job,"
    " I found my keys, I made a new friend, I slept very well, my team won, my sister had a baby,"
    " I am in love, today is my birthday, I got a present, I feel relaxed, I feel strong,"
    " I am in a good mood, my day was wonderful, I have great news, I finished my work,"
    " I feel hopeful, I am grateful, I feel cheerful"
)
BAD_NEWS = words(
    "I feel sad, I feel terrible, I am sad, I feel nervous, I am very upset, I feel lonely,"
    " I am worried, I feel worse, I failed my exam, I lost the game, I lost my job,"
    " I lost my keys, I had a fight with my friend, I slept very badly, my team lost, my dog is"
    " ill, I am afraid, I missed my train, I broke my phone, I feel tired, I feel weak,"
    " I am in a bad mood, my day was awful, I have bad news, I have a headache,"
    " I feel hopeless, I am angry, I feel unhappy"
)
# An errand: what is asked for, and the things it can be asked for.
ERRANDS = {
    "book": words("a table, a room, a flight, a taxi, a ticket, a seat, a tour, a lesson"),
    "cancel": words("my order, my flight, my booking, my ticket, the meeting, the lesson"),
    "order": words("a pizza, a new phone, a book, two coffees, a cake, flowers, a chair"),
    "change": words("my password, my address, my booking, the date, my name, my plan"),
    "return": words("a jacket, my phone, these shoes, a broken lamp, my order, a book"),
    "pay": words("the bill, my rent, my invoice, for the ticket, for the room"),
    "check": words("my balance, my account, the weather, the price, my order, the time"),
    "send": words("a letter, money, a message, a parcel, an email, an invitation"),
    "find": words("a doctor, a hotel, a good film, a recipe, the station, a job"),
    "open": words("an account, the window, the door, a file, a shop"),
}
TOPICS = {
    "sport": (
        "The {team|player|runner|champion} {won|lost|started|finished} the"
        " {match|race|game|final|tournament}.",
        "The {coach|trainer|captain} was proud of the {goal|victory|score|team}.",
    ),
    "business": (
        "The {company|bank|firm|shop} {sold|bought|opened|closed} a {factory|brand|store|office}.",
        "The {market|price|profit|share} {rose|fell} and the {manager|owner|boss} was busy.",
    ),
    "science": (
        "The {scientist|researcher|professor} {studied|measured|discovered} a"
        " {planet|cell|star|particle|fossil}.",
        "The {experiment|telescope|laboratory} showed a new {result|theory|galaxy}.",
    ),
    "health": (
        "The {doctor|nurse|dentist} {treated|examined|helped} the {patient|child} in the"
        " {hospital|clinic}.",
        "The {medicine|vaccine|exercise|sleep} was good against the {fever|pain|disease|cough}.",
    ),
    "travel": (
        "The {tourist|guide|passenger} {visited|left|reached} the {island|airport|beach|castle}.",
        "We {packed|lost|found} the {suitcase|passport|map} before the {flight|cruise|journey}.",
    ),
    "food": (
        "The {cook|baker|chef} {made|served|tasted} the {soup|cake|bread|salad|dinner}.",
        "The {recipe|restaurant|kitchen} needs {butter|flour|rice|cheese|pepper}.",
    ),
    "music": (
        "The {singer|band|pianist|orchestra} {played|wrote|recorded} a"
        " {song|concert|melody|album}.",
        "The {violin|guitar|drum|choir} was loud in the {hall|studio|theatre}.",
    ),
    "politics": (
        "The {president|minister|mayor|party} {won|lost|held} the {election|vote|debate}.",
        "The {parliament|government|senate} {passed|rejected} the {law|reform|budget|tax}.",
    ),
    "technology": (
        "The {engineer|programmer|robot} {built|repaired|tested} the {computer|software|chip|app}.",
        "The {internet|laptop|network|website} was {fast|slow} after the {update|download}.",
    ),
    "weather": (
        "The {rain|storm|snow|wind|fog} {came|stopped|started} in the {morning|evening|north}.",
        "The {sky|sun|day|night} was {cloudy|sunny|cold|warm} and the {forecast|air} was good.",
    ),
    "film": (
        "The {actor|actress|director} {played|made|left} the {scene|film|movie|role}.",
        "The {cinema|screen|camera} showed a {comedy|thriller|drama|cartoon}.",
    ),
    "money": (
        "The {customer|saver|banker} {paid|saved|borrowed|spent} the {money|loan|coins|salary}.",
        "The {account|card|wallet} had a {debt|fee|balance|payment}.",
    ),
    "work": (
        "The {worker|boss|secretary|colleague} {wrote|finished|planned} the"
        " {report|meeting|project|contract}.",
        "The {office|desk|job|team} was {busy|quiet} until the {deadline|break|interview}.",
    ),
    "school": (
        "The {teacher|pupil|student} {read|wrote|learned} the {lesson|book|test|homework}.",
        "The {class|school|teacher} {started|finished} with {history|mathematics|reading}.",
    ),
}
HEROES = words("fox, girl, boy, robot, king, cat, dog, farmer, queen, bear, mouse, sailor, baker")
PLACES = words("forest, city, castle, garden, village, desert, school, ship, cave, market, tower")
TREASURES = words("key, book, coin, flower, letter, lamp, ring, drum, map, egg, shell, mirror")
