"""The language of a text, told from its script and its commonest words; small, offline and the same everywhere."""

from __future__ import annotations

import re

UNDETERMINED = "und"

# Kana occur in Japanese alone; this share of the letters tells it from a foreign text that quotes a word.
LEAST_SHARE = 0.1

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
# Addresses, names of accounts, hashtags and cashtags are no language.
_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|[@#$][^\s]+")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc\uff66-\uff9d]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\u3005]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_LETTER = re.compile(r"[^\W\d_]")
# Endings that English words have and those of its neighbours seldom do.
_ENGLISH_ENDING = re.compile(r"\b[a-z]{3,}(?:ing|ed|ly|ness|ght|'s)\b")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\uffef]")

# Function words of each language, and for English the words that headlines and posts live on.
_WORDS = {
    "en": """
        the of and to in a is that for it on with as was at by from this be are have has had not but or an
        they you i he she we his her their its our my your will would can could should may might been were
        which who what when where why how if than then there here up down out over under after before into
        about more most new now all no off ahead amid versus between because while during against until since
        per just so very too also only some any other these those them me us him am do does did don't it's i'm
        doesn't didn't isn't can't won't that's you're get got like know think want need good great love day
        today time people really still back going see make says said say shares stock stocks market markets
        price prices rise rises rose fall falls fell gain gains drop drops earnings profit revenue quarter
        year week month growth sales bank trade rate rates report reports beats misses raises cuts higher
        lower buy sell rating target downgrade downgraded upgrade upgraded initiated company billion million
        percent economy news deal dividend outlook forecast results estimates coverage announces conference
        call transcript update futures gold oil dollar live happy birthday thanks thank lol yes hey haha well
        much best bad first last never always way work home life right look let one two neutral overweight
        buyback ceo
    """,
    "de": """
        der die das und ist nicht ein eine einen einem einer mit auf für von zu im dem den des sich auch als
        wird bei aus nach wie oder aber werden hat sind war noch nur über vor durch um steigt fällt aktie
        aktien
    """,
    "fr": """
        le la les des du et est une un en que qui pour dans sur pas au aux avec ce cette il elle sont par plus
        mais ou nous vous leur ses son sa été ont d'une c'est hausse baisse
    """,
    "es": """
        el la los las del y es una un en que para con por no se su al lo como más pero sus le ya o este sí
        porque esta entre cuando muy sin sobre también son fue ha acciones
    """,
    "it": """
        il lo la gli le di del della dei e è un una in che per con non si su al alla da come più ma sono anche
        questo nel nella ha delle
    """,
    "pt": """
        o a os as do da dos das e é um uma em que para com não se na no por mais como mas ao foi ele são sua
        ou também já está ações
    """,
    "nl": """
        de het een en van is dat op te zijn met voor niet aan er om ook als dan maar bij nog uit naar door
        over wordt deze geen aandelen
    """,
}
_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}


def text_language(text: str) -> str:
    """The language of a text: ISO 639-1 code, or ``und`` where it cannot be told.

    Japanese, Chinese and Korean are told by their scripts; Han characters without kana by which of the national
    character sets has them all. English and some neighbours are told by the number of their commonest words: the
    language with the most of them wins, a tie is undetermined. Where none of them occurs, an ending such as -ing or -ed
    tells English.

    Parameters
    ----------
    text
        Text without markup, NFKC-normalised.
    """
    words = _NO_WORDS.sub(" ", text)
    letters = len(_LETTER.findall(words))
    if not letters:
        return UNDETERMINED
    if _OTHER_SCRIPT.search(words) or _HAN.search(words):
        kana, han, hangul = (len(script.findall(words)) for script in (_KANA, _HAN, _HANGUL))
        if kana >= LEAST_SHARE * letters:
            return "ja"
        if hangul >= LEAST_SHARE * letters:
            return "ko"
        if han >= LEAST_SHARE * letters:
            return _language_of_han("".join(_HAN.findall(words)))
    return _language_of_words(words)


def _language_of_han(characters: str) -> str:
    japanese, mainland, taiwan = (_has_all(charset, characters) for charset in ("cp932", "gb2312", "big5"))
    if japanese:
        return UNDETERMINED if mainland or taiwan else "ja"
    return "zh" if mainland or taiwan else UNDETERMINED


def _has_all(charset: str, characters: str) -> bool:
    try:
        characters.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _language_of_words(text: str) -> str:
    words = [word.replace("\u2019", "'") for word in _WORD.findall(text.casefold())]
    counts = {language: sum(map(common.__contains__, words)) for language, common in _COMMON.items()}
    most = max(counts.values())
    if not most:
        return "en" if _ENGLISH_ENDING.search(text.casefold()) else UNDETERMINED
    leading = [language for language, count in counts.items() if count == most]
    return leading[0] if len(leading) == 1 else UNDETERMINED
