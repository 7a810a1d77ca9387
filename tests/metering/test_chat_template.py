"""Templates come from model files: what they may do, and what the sandbox refuses."""

from __future__ import annotations

import pytest

from basis.metering.chat_template import ChatTemplate
from basis.rules.errors import InvalidInput, Misconfigured

MESSAGES = [{"role": "user", "content": "Hello!"}]


def render(source: str, *, tools: list[dict[str, object]] | None = None) -> str:
    """What a template makes of one message."""
    return ChatTemplate(source, bos_token="<s>", eos_token="</s>").render(MESSAGES, tools=tools)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ().__class__.__bases__[0].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ raise_exception.__code__.co_consts }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__.os }}",
        "{{ ''['__class__'].__mro__ }}",
        "{{ (''|attr('__class__')).__mro__ }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'a': 1}) }}",
        "{{ messages.clear() }}",
        "{% for i in range(100000000) %}{% endfor %}",
        "{% include 'etc/passwd' %}",
        "{% import 'os' as os %}",
    ],
)
def test_template__tricks__are_refused(source: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        render(source)

    assert caught.value.param == "messages"
    assert MESSAGES == [{"role": "user", "content": "Hello!"}]


@pytest.mark.parametrize("name", ["raise_exception.__globals__", "lipsum.__code__", "''.__doc__"])
def test_template__private_attribute__is_nothing(name: str) -> None:
    assert render("{{ " + name + " }}") == ""


@pytest.mark.parametrize(
    "source",
    [
        "{{ 1 / 0 }}",
        "{{ nothing.there }}",
        "{{ 'a' + 1 }}",
        "{{ [][5].x }}",
        "{{ 'x' * 10 ** 400 }}",
        "{{ 'x'.encode('nonsense') }}",
        "{{ {}['a']['b'] }}",
        "{{ 'é'.encode('ascii') }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_template__that_breaks__refuses_the_messages(source: str) -> None:
    with pytest.raises(InvalidInput):
        render(source)


@pytest.mark.parametrize("source", ["{{", "{% for %}", "{% endif %}", "{{ x | no_such_filter }}"])
def test_template__that_does_not_compile__is_misconfigured(source: str) -> None:
    with pytest.raises(Misconfigured, match="does not compile"):
        render(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}", "<s>Hello!</s>"),
        ("{% for m in messages %}{{ m.role }}{% break %}{% endfor %}", "user"),
        ("{% if add_generation_prompt %}yes{% endif %}", "yes"),
        ("{{ {'a': '\u00e9<'} | tojson }}", '{"a": "\u00e9<"}'),
        ("{{ {'a': 1} | tojson(indent=2) }}", '{\n  "a": 1\n}'),
        ("{% if tools %}tools{% else %}none{% endif %}", "none"),
        ("{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{{ ns.x }}", "2"),
        ("{{ messages[0].content.strip().split('l') | length }}", "3"),
        ("a\n  {% if true %}\nb\n  {% endif %}\nc", "a\nb\nc"),
        ("<{{ '<b>' }}>", "<<b>>"),
    ],
)
def test_template__what_model_files_use__renders(source: str, expected: str) -> None:
    assert render(source) == expected


def test_template__tools__are_there() -> None:
    assert render("{{ tools[0].name }}", tools=[{"name": "add"}]) == "add"
