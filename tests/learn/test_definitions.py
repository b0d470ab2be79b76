"""What training reads is what is written, and what is written wrongly is refused as a whole."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trained import HALF_AN_HOUR

from sendopt.errors import InvalidInput
from sendopt.features import AsOfView
from sendopt.learn.families import DEFAULT, FAMILIES
from sendopt.learn.families.definition import differences, flat, parse, read_file, shipped
from sendopt.learn.fitting.fit import Fitted, fit
from sendopt.log import Log
from sendopt.records import TenantId

MODELS = Path(__file__).parents[2] / "models"
AS_OF = datetime(2026, 9, 1, tzinfo=UTC)
USUAL = shipped(DEFAULT)
NUMBERS = {
    key: value for key, value in flat(USUAL.document()).items() if isinstance(value, int | float)
}


def refused(text: str) -> str:
    with pytest.raises(InvalidInput) as refusal:
        parse(text, called="mine.toml")
    assert refusal.value.code == "definition_invalid"
    assert refusal.value.message.startswith("mine.toml: ")
    return refusal.value.message


@pytest.mark.parametrize("folder", sorted(p.parent for p in MODELS.glob("*/definition.toml")))
def test_a_definition_under_models_is_the_one_that_training_reads(folder: Path) -> None:
    file = folder / "definition.toml"
    packaged = Path(__file__).parents[2] / "sendopt/learn/families/definitions"
    assert file.resolve() == packaged / f"{folder.name}.toml", "edited apart from the package"
    assert read_file(file) == shipped(FAMILIES[folder.name])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_comes_with_a_definition_of_all_its_settings(name: str) -> None:
    definition = shipped(FAMILIES[name])
    assert parse(f'family = "{name}"', called="short") == definition
    assert definition.document()["family"] == name
    assert not differences(definition.document())


@given(key=st.sampled_from(sorted(NUMBERS)), factor=st.sampled_from([0.5, 2.0]))
def test_a_value_that_is_set_is_read_and_moves_the_fingerprint(key: str, factor: float) -> None:
    section, name = key.split(".")
    value = type(NUMBERS[key])(NUMBERS[key] * factor)
    mine = parse(f'family = "{DEFAULT.NAME}"\n[{section}]\n{name} = {value}', called="mine.toml")
    assert differences(mine.document()) == {key: value}
    assert mine.fingerprint != USUAL.fingerprint


def test_comments_order_and_whole_numbers_do_not_move_the_fingerprint() -> None:
    mine = parse('family="level_shape_trees"\n[shape]\nlevel_sd = 1 # same\n', called="mine.toml")
    assert mine.fingerprint == USUAL.fingerprint


def test_every_fault_is_named_at_once_with_its_limit_and_what_to_write() -> None:
    message = refused(
        """
        family = "level_shape_trees"
        shapes = 1
        [shape]
        deviation_sd = 0.0
        level_sd = "wide"
        devation_length_hours = 2.0
        activity_prior = nan
        [trees]
        num_leaves = 1
        max_rounds = 2.5
        max_bin = true
        [features]
        user = ["sends_1d", "shoe_size"]
        moment = ["hour_of_day", "hour_of_day"]
        """
    )
    for told in (
        "shape.deviation_sd is 0.0, but should be greater than or equal to 0.01",
        "the family comes with 0.6",
        "shape.level_sd is 'wide', but should be a valid number; the family comes with 1.0",
        "shape.devation_length_hours is not known: did you mean shape.deviation_length_hours?",
        "shape.activity_prior is nan, but should be a finite number",
        "shapes is not known",
        "trees.num_leaves is 1, but should be greater than or equal to 2",
        "trees.max_rounds is 2.5, but should be a valid integer",
        "trees.max_bin is True, but should be a valid integer",
        "not 'shoe_size'",
        "should name each feature once",
    ):
        assert told in message, message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ridge = 1.0", "family is missing: give one of level_shape_trees"),
        ('family = "forest"', "family is 'forest': give one of"),
        ("family = 3", "family is 3: give one of"),
        ('family = "logistic"\nfamily = "logistic"', "is no TOML"),
        ('family = "logistic"\nridge = 0', "ridge is 0, but should be greater than 0"),
        ('family = "level_shape_trees"\nshape = 3', "shape is 3, but should be"),
        ('family = "population"\nkernel_hours = 2.0', "kernel_hours is not known: take it out"),
    ],
)
def test_what_is_no_definition_is_refused(text: str, told: str) -> None:
    assert told in refused(text)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file_missing"),
        (b"\xff", "definition_invalid"),
        (b"#" * 70_000, "definition_invalid"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes | None, code: str
) -> None:
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidInput) as refusal:
        read_file(file)
    assert refusal.value.code == code


@pytest.mark.slow
def test_training_uses_what_was_set_and_the_model_keeps_it(habits: Log) -> None:
    def fitted(text: str) -> Fitted:
        with habits.reader(TenantId("shop")) as reader:
            return fit(
                AsOfView(reader, HALF_AN_HOUR),
                until=AS_OF,
                judged=False,
                seed=7,
                threads=1,
                progress=lambda _: None,
                definition=parse(text, called="mine.toml"),
            )

    wide = fitted('family = "level_shape_trees"\n[shape]\nsegment_sd = 0.7\nlevel_sd = 2.5')
    learned = wide.model.scorer.document()["shape"]
    assert (learned["segment_sd"], learned["level_sd"]) == (0.7, 2.5)
    assert wide.model.provenance.defined["shape"]["level_sd"] == 2.5
    weak, strong = (
        fitted(f'family = "logistic"\nridge = {ridge}').model.scorer.document()["weights"]
        for ridge in (0.01, 1e5)
    )
    assert sum(map(abs, strong)) < 0.1 * sum(map(abs, weak))


def test_the_shipped_files_are_toml_without_anything_else() -> None:
    for file in MODELS.glob("*/definition.toml"):
        assert set(tomllib.loads(file.read_text("utf-8"))) == set(read_file(file).document())
