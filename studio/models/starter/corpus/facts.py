"""The facts the starter model knows: places, words, kinds of things, sounds, colours, days."""

from studio.models.starter.corpus.conversation import pairs, words

CAPITALS = pairs("""
France: Paris, Germany: Berlin, Spain: Madrid, Italy: Rome, Portugal: Lisbon, Greece: Athens,
Austria: Vienna, Poland: Warsaw, Hungary: Budapest, Sweden: Stockholm, Norway: Oslo,
Finland: Helsinki, Denmark: Copenhagen, Ireland: Dublin, England: London, Scotland: Edinburgh,
Belgium: Brussels, Switzerland: Bern, Russia: Moscow, Ukraine: Kyiv, Turkey: Ankara, Egypt: Cairo,
Morocco: Rabat, Kenya: Nairobi, Nigeria: Abuja, Ghana: Accra, India: Delhi, China: Beijing,
Japan: Tokyo, Thailand: Bangkok, Vietnam: Hanoi, Nepal: Kathmandu, Iran: Tehran, Iraq: Baghdad,
Canada: Ottawa, Cuba: Havana, Peru: Lima, Chile: Santiago, Argentina: Buenos Aires,
Brazil: Brasilia, Colombia: Bogota, Australia: Canberra, Romania: Bucharest, Bulgaria: Sofia,
Serbia: Belgrade, Croatia: Zagreb, Iceland: Reykjavik, Tunisia: Tunis, Senegal: Dakar,
Indonesia: Jakarta
""")

OPPOSITES = pairs("""
big: small, hot: cold, good: bad, happy: sad, fast: slow, old: young, long: short, high: low,
open: closed, full: empty, light: dark, hard: soft, wet: dry, clean: dirty, rich: poor,
strong: weak, early: late, near: far, up: down, left: right, left side: right side, in: out,
day: night, black: white, true: false, yes: no, win: lose, buy: sell, give: take, start: stop,
push: pull, love: hate, laugh: cry, loud: quiet, easy: difficult, cheap: expensive, thick: thin,
wide: narrow, sweet: bitter, safe: dangerous, first: last, always: never, before: after,
inside: outside, above: below, friend: enemy, positive: negative, right answer: wrong answer,
brave: afraid, beautiful: ugly, kind: cruel, boring: interesting, simple: complex,
success: failure, arrive: leave, remember: forget, awake: asleep, alive: dead
""")

FRENCH = pairs("""
cat: chat, dog: chien, horse: cheval, cow: vache, bird: oiseau, fish: poisson, house: maison,
door: porte, window: fenêtre, table: table, chair: chaise, bed: lit, book: livre, school: école,
water: eau, bread: pain, milk: lait, cheese: fromage, wine: vin, apple: pomme, egg: œuf,
meat: viande, salt: sel, sugar: sucre, red: rouge, blue: bleu, green: vert, white: blanc,
black: noir, yellow: jaune, one: un, two: deux, three: trois, four: quatre, five: cinq, six: six,
seven: sept, eight: huit, nine: neuf, ten: dix, man: homme, woman: femme, boy: garçon, girl: fille,
mother: mère, father: père, brother: frère, sister: sœur, friend: ami, sun: soleil, moon: lune,
star: étoile, sea: mer, mountain: montagne, river: rivière, tree: arbre, flower: fleur, rain: pluie,
snow: neige, wind: vent, fire: feu, day: jour, night: nuit, morning: matin, evening: soir,
week: semaine, year: année, hand: main, head: tête, eye: œil, foot: pied, heart: cœur, big: grand,
small: petit, good: bon, bad: mauvais, happy: heureux, sad: triste, hello: bonjour, yes: oui,
no: non, thank you: merci, city: ville, street: rue, car: voiture, train: train
""")

SPANISH = pairs("""
cat: gato, dog: perro, horse: caballo, cow: vaca, bird: pájaro, fish: pescado, house: casa,
door: puerta, window: ventana, table: mesa, chair: silla, bed: cama, book: libro, school: escuela,
water: agua, bread: pan, milk: leche, cheese: queso, wine: vino, apple: manzana, egg: huevo,
meat: carne, salt: sal, sugar: azúcar, red: rojo, blue: azul, green: verde, white: blanco,
black: negro, yellow: amarillo, one: uno, two: dos, three: tres, four: cuatro, five: cinco,
six: seis, seven: siete, eight: ocho, nine: nueve, ten: diez, man: hombre, woman: mujer, boy: niño,
girl: niña, mother: madre, father: padre, brother: hermano, sister: hermana, friend: amigo,
sun: sol, moon: luna, star: estrella, sea: mar, mountain: montaña, river: río, tree: árbol,
flower: flor, rain: lluvia, snow: nieve, wind: viento, fire: fuego, day: día, night: noche,
week: semana, year: año, hand: mano, head: cabeza, eye: ojo, foot: pie, heart: corazón,
big: grande, small: pequeño, good: bueno, bad: malo, happy: feliz, sad: triste, hello: hola,
yes: sí, no: no, thank you: gracias, city: ciudad, street: calle, car: coche, train: tren
""")

KINDS = {
    kind: words(text)
    for kind, text in {
        "animal": "dog, cat, horse, cow, lion, tiger, rabbit, mouse, goat, wolf, bear, fox",
        "bird": "eagle, owl, duck, swan, parrot, crow, penguin, pigeon",
        "fish": "salmon, tuna, shark, trout, cod, herring",
        "fruit": "apple, banana, pear, orange, grape, cherry, peach, plum, lemon, melon",
        "vegetable": "carrot, potato, onion, cabbage, bean, spinach, pumpkin, cucumber",
        "tool": "hammer, saw, drill, wrench, screwdriver, shovel, axe, rake",
        "vehicle": "car, bus, train, bicycle, truck, tram, van, scooter",
        "colour": "red, blue, green, yellow, purple, pink, brown, grey",
        "sport": "football, tennis, hockey, golf, rugby, boxing, swimming, basketball",
        "instrument": "piano, guitar, violin, drum, flute, trumpet, harp, cello",
        "drink": "tea, coffee, milk, juice, water, lemonade, cocoa, wine",
        "job": "doctor, teacher, nurse, farmer, baker, pilot, lawyer, plumber",
        "metal": "iron, gold, silver, copper, tin, lead",
        "body part": "arm, leg, nose, ear, knee, elbow, finger, shoulder",
    }.items()
}

SOUNDS = pairs("""
dog: woof, cat: meow, cow: moo, sheep: baa, horse: neigh, duck: quack, pig: oink, lion: roar,
mouse: squeak, owl: hoot, bee: buzz, snake: hiss, frog: croak, crow: caw, rooster: cluck,
wolf: howl, bird: tweet, donkey: bray, turkey: gobble, bear: growl, pigeon: coo, goat: bleat
""")

COLOURS = pairs("""
sky: blue, grass: green, snow: white, blood: red, coal: black, lemon: yellow, banana: yellow,
carrot: orange, milk: white, tomato: red, chocolate: brown, night: black, sun: yellow, sea: blue,
strawberry: red, leaf: green, elephant: grey, flamingo: pink, plum: purple, cucumber: green,
salt: white, cherry: red, wood: brown, pumpkin: orange
""")

DAYS = words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
MONTHS = words(
    "January, February, March, April, May, June, July, August, September, October, November,"
    " December"
)
NAMES = words(
    "Anna, Ben, Clara, David, Emma, Felix, Grace, Henry, Ida, Jack, Kate, Leo, Maria, Noah, Olivia,"
    " Paul, Rosa, Sam, Tina, Victor"
)
LABELS = words(
    "positive, negative, neutral, mixed, yes, no, good, bad, true, false, sport, business, science,"
    " health, travel, food, music, politics, technology, weather, film, money, work, book, cancel,"
    " order, ask, complain, thank, pay, return, happy, sad, angry, calm, high, low, urgent, normal,"
    " polite, rude, question, answer, other, none, A, B, C, D"
)
COMMON_WORDS = tuple(
    sorted(
        {word for word, _ in FRENCH + SOUNDS + COLOURS if " " not in word}
        | {word for members in KINDS.values() for word in members}
        | {word for pair in OPPOSITES for word in pair if " " not in word}
    )
)
