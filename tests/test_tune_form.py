"""What one click fills into the recipe's form is a recipe that can be started."""

from studio import Recipe, Studio
from studio.tuning.run import create_run
from studio.ui import forms, tune


def test_the_best_prompt_fills_in_a_soft_prompt_of_its_length(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20)
    before = Recipe(dataset=dataset.id, method="prompt_tuning", virtual_tokens=8, name="Before")
    run = create_run(studio.settings.runs, before, about="before")
    meaning, _, idle, *values = tune.fill_prompt(studio, "starter", dataset.id, run.id)
    assert "Before" in meaning
    assert "#recipe-rank" in idle
    top = {"base": "starter", "dataset": dataset.id, "name": ""}
    filled = Recipe.make(top | dict(zip(tune.FOLDED, values, strict=True)))
    assert (filled.method, filled.start_from, filled.virtual_tokens) == ("prompt_tuning", run.id, 8)
    assert filled.learning_rate > Recipe(dataset="d").learning_rate
    assert forms.to_recipe(forms.to_values(filled)) == filled
