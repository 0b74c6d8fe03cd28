"""What in a text may name an instrument: cashtags, tickers, codes of Tokyo's exchange and names, each with its place.

These are candidates found in the text alone; whether one means an instrument is a join with the known ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

MOST_WORDS = 4
"""Words of the longest name that is looked for."""

# A text in which this share of the words is in capitals is shouting: tickers cannot be told from words.
SHOUTING = 0.6

_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,6}(?:[./-][A-Za-z]{1,2})?)(?![\w$])")
_TICKER = re.compile(r"(?<![\w$.&/'-])([A-Z]{2,5}(?:[./-][A-Z])?|[A-Z]{6,12})(?![\w$&'])")
_CODE = re.compile(
    r"(?P<context>[(<\[【〈《「]|(?:証券)?コード[:\s]?|銘柄[:\s]?|\$)?(?<![\d.,A-Za-z])(?P<code>[1-9]\d[\dA-Z][\dA-Z])"
    r"(?P<suffix>\.(?:T|JP|TSE)\b|[)>\]】〉》」]|:JP\b)?(?![\d,%年円万億月])"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_WORD = re.compile(r"[^\W\d_][\w'\u2019.&-]*[\w]|[^\W\d_]|&")
_JOINS = frozenset({"of", "and", "&", "the", "de"})
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}")
_NAME_NOISE = re.compile(r"[.,'\u2019()]")
_LEGAL_FORM = re.compile(
    r"\s+(?:incorporated|inc|corporation|corp|company|co|limited|ltd|plc|llc|lp|nv|n\.v|sa|s\.a|se|ag|ab|asa|spa|kk|holdings?|group|"
    r"common stock|ordinary shares?|class [a-c]|adr|ads|trust|etf|the|&)$"
)
_CLASS = re.compile(r"\b(?:class|series) [a-c]\b|\bcommon (?:stock|shares)\b|\b(?:sponsored )?ad[rs]\b|\bnew\b$")

# Words and abbreviations in capitals that are tickers too, or that texts are full of. With $ they count.
_CAPITALS = """AN AS AT BE BY DO GO HE HI IF IN IS IT ME MY NO OF OK ON OR OX PM AM SO TO UP US WE
ABLE ADD AGE AGO AIR ALL AND ANY APE APP ARE ARM ART ASK BACK BAD BALL BAR BEAR BEAT BEST BET BIG BILL BIT BOX BULL BUT
BUY BYE CALL CAN CAR CARE CASH CAT COOL COST CUT DAD DATA DAY DIP DOG DOW DRIP DUE EARN EAST EAT ELSE EVER EYE FALL FAN
FAST FAT FEEL FIT FIVE FIX FLY FOR FOUR FREE FROM FUN FUND GAIN GAS GET GIFT GOLD GOOD GOT GUN HAS HE HEAR HER HERE HI
HIGH HIS HIT HOLD HOPE HOT HOUR HOW HUGE ICE INFO IRON JOB JUST KEY KIDS KIND KING LAND LAST LATE LET LIFE LIKE LINE
LIVE LONG LOOK LOSS LOT LOVE LOW MAD MAIN MAKE MAN MANY MAP MAY MEN MIND MOM MOON MORE MOVE MUST NEAR NEED NEW NEXT
NICE NINE NOT NOW ODD OFF OIL OLD ONE ONLY OPEN OUR OUT OVER OWN PAY PEAK PICK PLAN PLAY PLUS POST PRO PUMP PUT PUTS
RATE RAW REAL RED RENT RIDE RIG RISE ROAD ROCK ROOM RUN SAFE SALE SAVE SAY SEA SEE SELL SHE SHOP SHOW SIX SKY SNOW SON
SPOT STAY STEM STEP STOP SUN SURE TAKE TALK TAX TEAM TELL TEN THAT THE THEM THEN THEY THIS TIME TOP TOY TRUE TRY TWO
USE USED VERY VIEW WANT WAR WAS WAY WEB WELL WENT WERE WEST WHAT WHEN WHO WHY WIN WIT WOLF WOOD WORK WOW YEAR YES YET
YOU YOUR ZERO ABOUT AFTER AGAIN BEING BLACK BOUGHT BREAK CHECK CLEAN COULD DEATH EVERY FIRST FOUND GREAT GREEN GROUP
HAPPY HEART HOUSE LIGHT MIGHT MONEY NEVER OTHER POWER PRICE RIGHT ROUND SHORT SMALL SMART SOLID SOLD STILL STOCK TEST
THANK THEIR THERE THESE THING THINK THREE TODAY TRADE TRULY UNDER UNTIL WATCH WATER WHERE WHICH WHILE WHITE WHOLE
WORLD WORST WOULD WRONG YIELD YOUNG
AI AGM API ATH AUD BOE BOJ BPS BTFD CAD CAGR CEO CFO CFTC CHF CIO CNBC CNN COO COVID CPI CTO DCF DD DIY DJIA DOJ EBIT
ECB EM EMA EOD EPS ESG ET EST ETF ETFS EU EUR EV EVS FAQ FBI FCC FDA FED FOMC FOMO FTC FUD FX FY FYI GAAP GBP GDP GMT
HFT HODL HQ ICO ID IDK IMF IMO IP IPO IPOS IQ IRA IRS IT JPY KPI LBO LLC LMAO LOL LTD MACD MBA MD MOM MSRP NASA NAV NBA
NFL NFT NGO NHL NSA NYC NYSE OECD OMG OPEC OTC PC PDF PE PHD PLC PMI POS PPI PR PT QE QOQ QR RBA REIT RIP ROE ROI ROIC
RSI SEC SMA SPAC TBA TIL TLDR TV UAE UFO UK UN URL USA USD UTC VAT VC VIP VP VS WHO WSB WSJ WTF WTI YOLO YOY YTD
"""
_NO_TICKERS = frozenset(_CAPITALS.split())

# Companies whose short name is an everyday word: only the full name means them.
_EVERYDAY_NAMES = """
target gap visa block match unity snap square ball best buy box cable chase chart discover dollar eagle express
first general gold global growth international key life live national new news next nice one open oracle pool
progress range regions service shell signature simply south southern sprint standard star steel strategy
sun team total trade trust twist union united universal value vector western world capital energy financial
american america bank index market markets stock stocks shares fund core select insight impact carnival church
crown data dow east ford frontier graham guess hope hub icon lucid material metals monday monster
parsons perfect pilgrims post premier primo public realty ready reliance republic root safe science
silver skyline smart southwest sterling summit sweet the titan toast trade tree viking warrior
west wolf work"""
_EVERYDAY = frozenset(_EVERYDAY_NAMES.split())


class Candidate(NamedTuple):
    """What may name an instrument.

    Attributes
    ----------
    method
        ``cashtag``, ``ticker``, ``code`` or ``name``.
    term
        What to look up: a ticker or code in capitals, a name in lower case without its legal form.
    evidence
        As the text has it.
    position
        Place of its first character; the first of the text is 1.
    """

    method: str
    term: str
    evidence: str
    position: int


def mention_candidates(text: str) -> list[Candidate]:
    """Everything in a text that may name an instrument, in the order of the methods.

    - ``cashtag``: ``$AAPL``, ``$brk.b``.
    - ``ticker``: a word of 2 to 12 capitals that is neither an English word nor a common abbreviation (one letter
      needs a $), unless the whole text is in capitals.
    - ``code``: a code of Tokyo's exchange (``7203``, ``130A``) in brackets, after コード or 銘柄, or with .T; what may
      be a year needs more than brackets.
    - ``name``: up to `MOST_WORDS` capitalised words, or a run of katakana.

    Parameters
    ----------
    text
        Text without markup, NFKC-normalised.
    """
    found = [Candidate("cashtag", tag[1].upper(), tag[0], tag.start() + 1) for tag in _CASHTAG.finditer(text)]
    words = [(word[0], word.start()) for word in _WORD.finditer(text)]
    if not _is_shouting([word for word, start in words if text[start - 1 : start] not in ("$", "#")]):
        found += [
            Candidate("ticker", ticker[1], ticker[1], ticker.start() + 1)
            for ticker in _TICKER.finditer(text)
            if ticker[1] not in _NO_TICKERS
        ]
    found += _codes(text)
    found += _names(text, words)
    found += [Candidate("name", run[0], run[0], run.start() + 1) for run in _KATAKANA.finditer(text)]
    return found


def company_terms(name: str) -> list[str]:
    """The names by which texts call a company, as `mention_candidates` writes terms: without and with its legal form.

    An everyday word alone (``Target``) is left out: it needs the rest (``Target Corp``).
    """
    term = " ".join(_CLASS.sub(" ", _folded(unicodedata.normalize("NFKC", name))).split()).strip(" -&")
    terms = [term.removeprefix("the ")]
    while (shorter := _LEGAL_FORM.sub("", terms[-1]).strip(" -&")) != terms[-1]:
        terms.append(shorter)
    return sorted({term for term in terms if len(term) > 1 and term not in _EVERYDAY})


def _folded(text: str) -> str:
    return _NAME_NOISE.sub("", text.casefold())


def _is_shouting(words: list[str]) -> bool:
    long = [word for word in words if len(word) > 1]
    return len(long) > 3 and sum(map(str.isupper, long)) > SHOUTING * len(long)


def _codes(text: str) -> Iterator[Candidate]:
    for match in _CODE.finditer(text):
        context, code, suffix = match["context"] or "", match["code"], match["suffix"] or ""
        is_named = suffix[:1] in (".", ":") or len(context) > 1 or context == "$"
        is_bracketed = bool(context) and bool(suffix)
        if is_named or (is_bracketed and not _YEAR.fullmatch(code)):
            yield Candidate("code", code, match[0], match.start() + 1)


def _names(text: str, words: list[tuple[str, int]]) -> Iterator[Candidate]:
    """Every run of capitalised words, small words inside allowed, and each of its beginnings at each of its words."""
    for place, (word, start) in enumerate(words):
        if not word[0].isupper() or text[start - 1 : start] == "$":
            continue
        end = start
        for count, (other, begin) in enumerate(words[place : place + MOST_WORDS]):
            if count and text[end:begin] not in (" ", ". "):
                break
            end = begin + len(other)
            if other[0].isupper():
                evidence = text[start:end].removesuffix("'s").removesuffix("\u2019s")
                yield Candidate("name", _folded(evidence), evidence, start + 1)
            elif other not in _JOINS:
                break
