"""A JSON schema and a few words -> a value that fits the schema, filled from the words.

Nothing here understands a language. What a parameter is called and what type it has decides which words are looked
for: digits in their order, quoted words, capitalised ones behind "in" or "of", an address with an @. A thing that was
taken is not taken again; what is required and cannot be found gets a default, an example, or something empty.
"""

import ast
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

MISSING: Final = object()

_CAPITAL = r"(?=[^\W\d_])[^\Wa-zß-öø-ÿ][\w'\u2019.&-]*(?<![.'\u2019])"
NAME_PHRASE = rf"{_CAPITAL}(?:\s+{_CAPITAL})*(?:,\s[A-Z]{{2}}\b)?"
_QUOTED = re.compile(r"[\"“„«]([^\"”“»\n]+)[\"”“»]|(?<!\w)['\u2018]([^'\u2019\n]+)['\u2019](?!\w)|`([^`\n]+)`")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>)]+[^\s\"'<>).,;!?]")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?")
_COUNTED = "zero one two three four five six seven eight nine ten eleven twelve".split()
_NUMBER = re.compile(rf"(?<![\w.])-?\d+(?:,\d{{3}})*(?:\.\d+)?|\b(?:{'|'.join(_COUNTED[1:])})\b", re.IGNORECASE)
_AFTER_PLACE_WORD = re.compile(rf"\b(?:in|of|for|at|from|to)\s+(?:the\s+)?({NAME_PHRASE})")
_PHRASE = re.compile(rf"(?<![\w'\u2019])({NAME_PHRASE})")
_LOWER = re.compile(r"\b(?:in|of|for|at)\s+(?:the\s+)?([^\W\d_][\w'-]*(?:\s(?!and\b|or\b|today|now)[\w'-]+){0,2})")
_CALLED = re.compile(
    rf"(?i:\b(?:named|called|name is|i am|i'm|user|customer|person)\b)\s+({NAME_PHRASE})"
    rf"|^\s*({NAME_PHRASE})(?:\s+(?:is|was|has)\b|,\s*\d)"
)
_TOPIC = re.compile(r"\b(?:about|for|on|regarding)\s+(.+)", re.IGNORECASE)
_SAYING = re.compile(r"(?:\bsay(?:ing|s)?\s+(?:that\s+)?|\bthat\s+|:\s+|\s[-\u2013\u2014]\s)(.+)", re.IGNORECASE)
_TO = re.compile(r"\bto\s+(.+)", re.IGNORECASE)
_YEARS = re.compile(r"(\d+)[-\s]+years?[-\s]+old|\baged?\s+(\d+)|,\s*(\d+)\b", re.IGNORECASE)

_STARTERS = frozenset(
    "a add also an and answer are ask at because book but buy by calculate call can check close compare compute"
    " convert could create delete describe did do does draw email explain extract fetch find first for from generate"
    " get give hello hey hi how however i if in is it let list look make multiply my next no not now of on open or"
    " order plan please remind return run say search send set should show start stop subtract summarise summarize tell"
    " thanks that the then there these they this to translate try update use using was we what when where which who"
    " whose why will with would write yes you your".split()
)
_PLACES = frozenset("address area city country destination location place region state town".split())
_QUERIES = frozenset("expression prompt q query question search term terms".split())
_PEOPLE = frozenset("author customer name person user username who".split())
_TEXTS = frozenset(
    "answer body comment conditions content description explanation joke line message note poem punchline reason"
    " report response sentence setup story subject summary text thought title topic".split()
)
_EMAILS = frozenset("email mail".split())
_RECIPIENTS = frozenset("recipient recipients to".split())
_DATES = frozenset("date day datetime".split())
_URLS = frozenset("link uri url website".split())
_SAMPLES = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}
_LONGEST = 60


def words_of(name: str) -> list[str]:
    """The words of an identifier, in small letters: `getWeather_for` -> get, weather, for."""
    return re.findall(r"[^\W\d_]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def arguments_of(
    name: str, schema: Mapping[str, Any], texts: Sequence[str], *, talkative: bool = False
) -> dict[str, Any]:
    """The arguments of a call, filled from the first of the texts that has something to give.

    Args:
        name: The tool; arguments that a text spells out behind it, as in `add(1, b=2)`, are taken as they are.
        schema: The tool's parameters.
        texts: The words to look in, the most telling ones first.
        talkative: Make up words for a required text.
    """
    for text in texts:
        spelled = spelled_calls(name, text)
        if spelled:
            return _spelled_arguments(spelled[0], schema, texts)
    found = value_for({"type": "object", **schema}, texts, talkative=talkative)
    return found if isinstance(found, dict) else {}


def spelled_calls(name: str, text: str) -> list[str]:
    """What stands between the brackets of each `name(...)` in a text."""
    return re.findall(rf"(?<!\w){re.escape(name)}\(([^()]*)\)", text)


def value_for(schema: Mapping[str, Any], texts: Sequence[str], *, talkative: bool = True) -> Any:
    """A value that fits a schema, filled from the texts."""
    return _Filler(schema, texts, talkative=talkative).value("", schema, required=True)


def topic_of(text: str) -> str:
    """What a text is about, in a few words."""
    found = _TOPIC.search(text)
    return _clause(found[1].partition(", ")[0] if found else text)


def _spelled_arguments(inside: str, schema: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    names = list(schema.get("properties", {}))
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
        assert isinstance(call, ast.Call)  # noqa: S101 - it was written as one
        given = dict(zip(names, [ast.literal_eval(one) for one in call.args], strict=False))
        given |= {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg}
    except (SyntaxError, ValueError):
        given = dict(zip(names, [part.strip() for part in inside.split(",")], strict=False)) if inside.strip() else {}
    rest = {key: schema.get("properties", {})[key] for key in schema.get("required", ()) if key in names}
    rest = {key: one for key, one in rest.items() if key not in given}
    if rest:
        wanted = {**schema, "properties": rest, "required": list(rest)}
        given |= value_for(wanted, texts, talkative=False)
    return given


class _Pool:
    """The things of one kind in all texts, in their order; each is taken once."""

    def __init__(self, found: Iterable[str]) -> None:
        self.left = list(dict.fromkeys(found))

    def next(self) -> str | None:
        return self.left.pop(0) if self.left else None

    def take(self, one: str) -> str:
        if one in self.left:
            self.left.remove(one)
        return one


class _Numbers(_Pool):
    """Numbers may be the same twice."""

    def __init__(self, found: Iterable[str]) -> None:
        super().__init__(())
        self.left = list(found)


class _Filler:
    """Fills a schema from texts."""

    def __init__(self, root: Mapping[str, Any], texts: Sequence[str], *, talkative: bool) -> None:
        self._root = root
        self._texts = [text for text in texts if text.strip()]
        self._talkative = talkative
        self._quoted = _Pool(_all_quoted(self._texts))
        self._emails = _Pool(one for text in self._texts for one in _EMAIL.findall(text))
        self._urls = _Pool(one for text in self._texts for one in _URL.findall(text))
        self._dates = _Pool(one for text in self._texts for one in _DATE.findall(text))
        self._numbers = _Numbers(one for text in self._texts for one in _NUMBER.findall(_bare(text)))
        self._phrases = _Pool(one for text in self._texts for one in phrases_of(text))

    # -- schemas

    def value(self, name: str, schema: Any, *, required: bool) -> Any:
        """A value, or MISSING where it is optional and nothing was found."""
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._member(schema["enum"], schema, required=required)
        kinds = {
            "string": self._string,
            "integer": self._number,
            "number": self._number,
            "boolean": self._boolean,
            "array": self._array,
            "object": self._object,
        }
        fill = kinds.get(_kind(schema))
        found = fill(name, schema, required) if fill else MISSING
        if found is MISSING and required:
            return self._otherwise(name, schema)
        return found

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        """References followed, the first branch of a choice taken that is not null."""
        for _ in range(16):
            if not isinstance(schema, Mapping):
                return {}
            branches = [one for key in ("anyOf", "oneOf", "allOf") for one in schema.get(key, ())]
            if "$ref" in schema:
                inner = self._reference(schema["$ref"])
            elif branches:
                real = [one for one in branches if not (isinstance(one, Mapping) and one.get("type") == "null")]
                inner = (real or branches)[0]
            else:
                return schema
            outer = {key: one for key, one in schema.items() if key not in {"$ref", "anyOf", "oneOf", "allOf"}}
            schema = {**inner, **outer} if isinstance(inner, Mapping) else outer
        return {}

    def _reference(self, pointer: str) -> Any:
        place: Any = self._root
        for part in pointer.removeprefix("#").strip("/").split("/"):
            place = place.get(part.replace("~1", "/").replace("~0", "~"), {}) if part and place else place
        return place

    def _otherwise(self, name: str, schema: Mapping[str, Any]) -> Any:
        if schema.get("default") is not None:
            return schema["default"]
        if schema.get("examples"):
            return schema["examples"][0]
        kind = _kind(schema)
        if kind == "string":
            return self._made_up(name, schema)
        if kind in {"integer", "number"}:
            return _within(0, schema)
        return {"boolean": True, "array": [], "object": {}}.get(kind)

    # -- kinds

    def _object(self, name: str, schema: Mapping[str, Any], required: bool) -> Any:  # noqa: FBT001
        needed = schema.get("required", ())
        if not required and not self._mentions(name):
            return MISSING
        filled = {
            key: self.value(key, one, required=key in needed) for key, one in schema.get("properties", {}).items()
        }
        return {key: one for key, one in filled.items() if one is not MISSING}

    def _array(self, name: str, schema: Mapping[str, Any], required: bool) -> Any:  # noqa: FBT001
        least, most = schema.get("minItems", 0), schema.get("maxItems", 1000)
        if not required and not self._mentions(name):
            return MISSING
        items = self._resolved(schema.get("items", {"type": "string"}))
        found = list(self._items(name, items))
        while len(found) < least:
            found.append(self.value(name, items, required=True))
        return found[:most]

    def _items(self, name: str, items: Mapping[str, Any]) -> Iterator[Any]:
        kind = _kind(items)
        if "enum" in items:
            yield from (one for one in items["enum"] if self._mentions(str(one)))
        elif kind in {"integer", "number"}:
            while self._numbers.left:
                yield self._number(name, items, True)  # noqa: FBT003
        elif kind == "string":
            yield from (_fitted(one, items, self._made_up(name, items)) for one in self._listed(name))
        elif kind == "object":
            yield self.value(name, items, required=True)

    def _listed(self, name: str) -> list[str]:
        words = {one for word in words_of(name) for one in (word, word.rstrip("s"))}
        if words & _EMAILS and self._emails.left:
            return [*self._emails.left]
        if self._quoted.left:
            return [*self._quoted.left]
        lists = [found for text in self._texts for found in _lists(text)]
        return lists[0] if lists else [*self._phrases.left]

    def _boolean(self, name: str, _schema: Mapping[str, Any], required: bool) -> Any:  # noqa: FBT001
        if self._denies(name):
            return False
        return True if required or self._mentions(name) else MISSING

    def _number(self, name: str, schema: Mapping[str, Any], required: bool) -> Any:  # noqa: FBT001
        found = self._number_beside(name) or (self._numbers.next() if required else None)
        if found is None:
            return MISSING
        plain = found.replace(",", "").lower()
        number = _COUNTED.index(plain) if plain in _COUNTED else float(plain)
        return _within(number, schema)

    def _number_beside(self, name: str) -> str | None:
        words = words_of(name)
        known = [_YEARS] if "age" in words else []
        phrase = r"[\s_-]*".join(map(re.escape, words)) or r"\0"
        known.append(re.compile(rf"\b{phrase}s?\b\W*(?:(?:is|of|to|at)\s+)?(-?\d[\d,.]*\b)", re.IGNORECASE))
        known.append(re.compile(rf"(?<![\w.])(-?\d+)\s+{phrase}\b", re.IGNORECASE))
        for text in self._texts:
            for pattern in known:
                for found in pattern.finditer(_bare(text)):
                    number = next(one for one in found.groups() if one)
                    if number in self._numbers.left:
                        return self._numbers.take(number)
        return None

    def _member(self, members: Sequence[Any], schema: Mapping[str, Any], *, required: bool) -> Any:
        for text in self._texts:
            named = [(found.start(), one) for one in members if (found := _word(str(one)).search(text))]
            if named:
                return min(named, key=lambda pair: pair[0])[1]
        if not required:
            return MISSING
        return schema["default"] if schema.get("default") is not None else members[0]

    # -- strings

    def _string(self, name: str, schema: Mapping[str, Any], required: bool) -> Any:  # noqa: FBT001
        words = set(words_of(name))
        last = set(words_of(name)[-1:])
        found = self._typed(words, str(schema.get("format", ""))) or self._beside(name)
        if found is None and required:
            found = self._told(last)
        if found is None and not required and last & _TEXTS and self._mentions(name) and not self._denies(name):
            return self._made_up(name, schema)
        if found is None:
            return MISSING
        return _fitted(found, schema, self._made_up(name, schema))

    def _typed(self, words: set[str], form: str) -> str | None:
        if form == "email" or words & _EMAILS:
            return self._emails.next()
        if form in {"uri", "url"} or words & _URLS:
            return self._urls.next()
        if form in {"date", "date-time"} or words & _DATES:
            return self._dates.next() or self._first(re.compile(r"\b(today|tomorrow|yesterday)\b", re.IGNORECASE), form)
        if words & _RECIPIENTS:
            return self._emails.next()
        return None

    def _first(self, pattern: re.Pattern[str], form: str) -> str | None:
        found = [one for text in self._texts for one in pattern.findall(text)] if not form else []
        return found[0].lower() if found else None

    def _beside(self, name: str) -> str | None:
        """What stands behind the parameter's own name: `city: Paris`, `title "A"`, `unit is celsius`."""
        phrase = r"[\s_-]*".join(map(re.escape, words_of(name)))
        if not phrase:
            return None
        value = rf"(?:{_QUOTED.pattern}|(?:(?i:is|of|to)\s+|(?<=[:=])\s*)({NAME_PHRASE}|[\w.@-]+))"
        pattern = re.compile(rf"(?<!\w)(?i:{phrase})\s*(?:[:=]\s*)?{value}")
        for text in self._texts:
            found = pattern.search(text)
            taken = next((one for one in found.groups() if one), None) if found else None
            if taken is not None and taken.lower() not in _STARTERS:
                return self._phrases.take(self._quoted.take(taken))
        return None

    def _told(self, words: set[str]) -> str | None:
        """What a required text is most likely about."""
        if self._quoted.left:
            return self._quoted.next()
        if words & _PEOPLE and (found := self._person()):
            return found
        if words & _QUERIES:
            return self._query()
        if words & _TEXTS:
            return self._saying()
        return self._place() or self._rest()

    def _person(self) -> str | None:
        for text in self._texts:
            for found in _CALLED.finditer(text):
                name = found[1] or found[2]
                if name in self._phrases.left:
                    return self._phrases.take(name)
        return None

    def _place(self) -> str | None:
        for text in self._texts:
            for found in _AFTER_PLACE_WORD.finditer(text):
                if found[1] in self._phrases.left:
                    return self._phrases.take(found[1])
            for phrase in phrases_of(text):
                if phrase in self._phrases.left:
                    return self._phrases.take(phrase)
        return None

    def _query(self) -> str | None:
        return topic_of(self._texts[0]) if self._texts else None

    def _saying(self) -> str | None:
        for text in self._texts:
            found = _SAYING.search(text)
            if found:
                return found[1].strip().rstrip(".!?")
        return None

    def _rest(self) -> str | None:
        """Words in small letters: behind "in" or "of", else behind "to"."""
        for pattern in (_LOWER, _TO):
            for text in self._texts:
                found = pattern.search(_bare(text))
                if found:
                    return _clause(found[1])
        return None

    def _made_up(self, name: str, schema: Mapping[str, Any]) -> str:
        if schema.get("format") in _SAMPLES:
            return _SAMPLES[schema["format"]]
        words = words_of(name)
        text = ""
        if self._talkative or set(words[-1:]) & _TEXTS:
            about = topic_of(self._texts[0]) if self._texts else "nothing"
            text = f"{' '.join(words).capitalize() or 'Something'} about {about}."
        return _fitted(text, schema, "")

    # -- words

    def _mentions(self, name: str) -> bool:
        words = words_of(name)
        return bool(words) and any(_word(" ".join(words)).search(text.replace("_", " ")) for text in self._texts)

    def _denies(self, name: str) -> bool:
        phrase = r"\s+".join(map(re.escape, words_of(name))) or r"\0"
        pattern = re.compile(rf"\b(?:no|not|without|don't)\s+(?:an?\s+|any\s+|the\s+)?{phrase}s?\b", re.IGNORECASE)
        return any(pattern.search(text.replace("_", " ")) for text in self._texts)


def phrases_of(text: str) -> list[str]:
    """The capitalised phrases of a text, without the words that only begin sentences."""
    return [one for found in _PHRASE.findall(_bare(text)) if (one := _without_starters(found))]


def _without_starters(phrase: str) -> str:
    words = phrase.split()
    while words and words[0].lower().partition("'")[0].partition("\u2019")[0] in _STARTERS:
        words.pop(0)
    return re.sub(r"['\u2019]s$", "", " ".join(words))


def _all_quoted(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from (one for found in _QUOTED.findall(text) for one in found if one)


def _bare(text: str) -> str:
    """A text without addresses, dates and what is quoted."""
    for pattern in (_URL, _EMAIL, _DATE, _QUOTED):
        text = pattern.sub(" ", text)
    return text


def _lists(text: str) -> Iterator[list[str]]:
    """Enumerations: `apples, pears and plums`."""
    for found in re.finditer(r"(?:[\w'-]+)(?:,\s+[\w'-]+)*,?\s+(?:and|or)\s+[\w'-]+", _bare(text)):
        yield [one for one in re.split(r",\s+(?:and\s+|or\s+)?|\s+(?:and|or)\s+", found[0]) if one]


def _clause(text: str) -> str:
    short = re.split(r"(?<=\w)[.?!;](?:\s|$)", text.strip())[0].strip(" .?!\"'“”")
    return short if len(short) <= _LONGEST else short[:_LONGEST].rsplit(" ", 1)[0]


def _word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}s?(?!\w)", re.IGNORECASE)


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        guesses = {"properties": "object", "items": "array"}
        kind = next((guess for key, guess in guesses.items() if key in schema), "string")
    return str(kind)


def _within(number: float, schema: Mapping[str, Any]) -> float:
    """The nearest number that the schema allows, whole where it must be."""
    step = schema.get("multipleOf")
    whole = _kind(schema) == "integer"
    unit = step or (1 if whole else 0)
    gap = unit or 1e-6
    least = max(_bound(schema, "minimum", -math.inf), _bound(schema, "exclusiveMinimum", -math.inf) + gap)
    most = min(_bound(schema, "maximum", math.inf), _bound(schema, "exclusiveMaximum", math.inf) - gap)
    number = min(max(number, least), most)
    if unit:
        number = round(number / unit) * unit
        number += unit * ((number < least) - (number > most))
    return int(number) if float(number).is_integer() else number


def _bound(schema: Mapping[str, Any], key: str, otherwise: float) -> float:
    bound = schema.get(key)
    return bound if isinstance(bound, int | float) and not isinstance(bound, bool) else otherwise


def _fitted(text: str, schema: Mapping[str, Any], otherwise: str) -> str:
    """A text cut or filled up to the length that the schema wants; the other one where a pattern forbids it."""
    text = text[: schema.get("maxLength")].ljust(schema.get("minLength", 0), "x")
    pattern = schema.get("pattern")
    return text if pattern is None or re.search(pattern, text) else otherwise or _patterned(pattern) or text


def _patterned(pattern: str) -> str:
    """A text of a simple pattern: letters, digits and classes with their counts."""
    classes = [(r"\\d|\[0-9\]", "0"), (r"\\w|\[[^\]]*a-z[^\]]*\]", "a"), (r"\[[^\]]*A-Z[^\]]*\]", "A"), (r"\\s", " ")]
    text = pattern.strip("^$")
    for known, letter in classes:
        text = re.sub(known, letter, text)
    text = re.sub(r"(.)\{(\d+)(?:,\d*)?\}", lambda found: found[1] * int(found[2]), text)
    text = re.sub(r"\\(.)", r"\1", re.sub(r"(.)[+]", r"\1", text))
    return text if re.search(pattern, text) else ""
