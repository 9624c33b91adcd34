"""Orders: a merge patch that is right as a whole, or changes nothing."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omote.server.orders import Invalid, Settings, merge, settings_after, validate_params
from tests.tints import ALL

pytestmark = pytest.mark.usefixtures("tinted")
PLAIN = Settings(effects=("tint",))


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_patches_merge_as_the_rfc_says(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


def test_an_order_changes_what_it_names_and_nothing_else() -> None:
    first = settings_after(PLAIN, {"params": {"tint": {"grey": 9, "word": "fancy"}}})
    after = settings_after(first, {"params": {"tint": {"grey": 10}}, "stage": {"mirror": True}})
    assert after.params == {"tint": {"grey": 10, "word": "fancy"}}
    assert after.stage.mirror is True
    assert (after.stage.orientation, after.effects) == (0, ("tint",))


def test_null_goes_back_to_the_default() -> None:
    changed = settings_after(
        PLAIN,
        {"params": {"tint": {"grey": 9, "word": "fancy"}}, "stage": {"orientation": 90}},
    )
    after = settings_after(changed, {"params": {"tint": {"grey": None}}, "stage": None})
    assert after.params == {"tint": {"word": "fancy"}}
    assert after.stage.orientation == 0
    assert settings_after(after, {"params": None}).params == {}


def test_effects_are_replaced_as_a_whole() -> None:
    after = settings_after(PLAIN, {"effects": ["broken", "tint"]})
    assert after.effects == ("broken", "tint")
    assert settings_after(after, {"effects": []}).effects == ()


def test_the_identifier_of_an_order_is_no_setting() -> None:
    assert settings_after(PLAIN, {"id": "abc"}) == PLAIN
    assert settings_after(PLAIN, {"id": {"any": "thing"}}) == PLAIN


@pytest.mark.parametrize(
    ("patch", "places"),
    [
        ({"params": {"tint": {"grey": 256}}}, ["params.tint.grey"]),
        ({"params": {"tint": {"grey": "very"}}}, ["params.tint.grey"]),
        ({"params": {"tint": {"gray": 1}}}, ["params.tint.gray"]),
        ({"params": {"tint": {"share": float("nan")}}}, ["params.tint.share"]),
        ({"params": {"tint": {"share": 0}}}, ["params.tint.share"]),
        ({"params": {"tint": 5}}, ["params.tint"]),
        ({"params": {"nothing": {"grey": 1}}}, ["params.nothing"]),
        ({"params": 5}, ["params"]),
        ({"effects": ["nothing"]}, ["effects.0"]),
        ({"effects": ["tint", "tint"]}, ["effects.1"]),
        ({"effects": "tint"}, ["effects"]),
        ({"effects": [["tint"]]}, ["effects.0"]),
        ({"stage": {"orientation": 45}}, ["stage.orientation"]),
        ({"stage": {"budget_ms": 1}}, ["stage.budget_ms"]),
        ({"stage": {"budget_ms": float("inf")}}, ["stage.budget_ms"]),
        ({"stage": {"spin": True}}, ["stage.spin"]),
        ({"stage": 5}, ["stage"]),
        ({"bad": 1}, ["bad"]),
        (
            {"params": {"tint": {"grey": -1, "gray": 1}, "nothing": {}}},
            ["params.nothing", "params.tint.grey", "params.tint.gray"],
        ),
        ({"effects": ["tint", "x", "y"]}, ["effects.1", "effects.2"]),
    ],
)
def test_a_wrong_order_is_refused_with_every_reason(
    patch: Mapping[str, Any], places: list[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        settings_after(PLAIN, patch)
    assert [error["at"] for error in refused.value.errors] == places
    assert all(error["message"] for error in refused.value.errors)
    assert str(refused.value)


def test_what_is_wrong_beside_what_is_right_refuses_both() -> None:
    with pytest.raises(Invalid):
        settings_after(PLAIN, {"stage": {"mirror": True}, "params": {"tint": {"grey": 999}}})


def test_an_order_nested_beyond_reason_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"deeper": deep}
    with pytest.raises(Invalid):
        settings_after(PLAIN, {"params": {"tint": deep}})


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-300, 300)
    | st.floats()
    | st.sampled_from(["plain", "fancy", "tint", "x", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["grey", "share", "word", "tint", "mirror", "budget_ms", "?"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
PATCHES = st.dictionaries(
    st.sampled_from(["effects", "params", "stage", "id", "?"]), VALUES, max_size=3
) | st.fixed_dictionaries(
    {
        "effects": st.lists(st.sampled_from(["tint", "broken", "patient"]), max_size=3),
        "params": st.dictionaries(st.sampled_from(["tint", "broken"]), VALUES, max_size=2),
    }
)


@given(st.lists(PATCHES, max_size=6))
def test_whatever_is_ordered_the_settings_stay_right_and_refusals_change_nothing(
    patches: list[dict[str, Any]],
) -> None:
    settings = PLAIN
    for patch in patches:
        before = settings.model_dump_json()
        try:
            after = settings_after(settings, patch)
        except Invalid as refusal:
            assert refusal.errors
            assert json.dumps(refusal.errors)
            assert settings.model_dump_json() == before
            continue
        assert set(validate_params(after.effects, after.params)) == {kind.name for kind in ALL}
        kept = Settings.model_validate_json(after.model_dump_json(exclude_defaults=True))
        assert kept == after
        settings = after
