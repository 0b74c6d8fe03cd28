{{ config(
    unique_key=['instrument_id', 'term_kind', 'term'],
    meta={
        'dagster': {'asset_key': ['silver', 'sentiment', 'instrument_terms']},
        'scope': ['symbol'],
        'touched_by': {'silver.instruments': ['symbol'], 'eodhd_symbols': ['trim(code)']},
    },
) }}

{% set coins_by_name = {
    'bitcoin': 'BTC', 'ビットコイン': 'BTC', 'ethereum': 'ETH', 'ether': 'ETH',
    'イーサリアム': 'ETH', 'ripple': 'XRP', 'リップル': 'XRP', 'solana': 'SOL',
    'ソラナ': 'SOL', 'cardano': 'ADA', 'カルダノ': 'ADA', 'dogecoin': 'DOGE',
    'ドージコイン': 'DOGE', 'binance coin': 'BNB', 'litecoin': 'LTC', 'ライトコイン': 'LTC',
    'polkadot': 'DOT', 'ポルカドット': 'DOT', 'avalanche': 'AVAX', 'bitcoin cash': 'BCH',
    'ビットコインキャッシュ': 'BCH', 'chainlink': 'LINK', 'チェーンリンク': 'LINK', 'stellar': 'XLM',
    'tron': 'TRX', 'monero': 'XMR', 'モネロ': 'XMR', 'shiba inu': 'SHIB',
    'polygon': 'MATIC', 'eos': 'EOS', 'ethereum classic': 'ETC',
} %}

with instruments as (
    select
        instrument_id,
        symbol,
        case
            when instrument_type = 'crypto_pair' and {{ quote_asset('symbol') }} != 'XXX'
                then left(symbol, length(symbol) - length({{ quote_asset('symbol') }}))
        end as coin
    from {{ ref('instruments') }}
    {{ only_touched() }}
),

-- Who the ticker belongs to today, by the vendor's newest list.
named as (
    select trim(code) as symbol, name
    from {{ source('raw', 'eodhd_symbols') }}
    where name is not null
    qualify row_number() over (
        partition by trim(code)
        order by snapshot_date desc, exchange = 'US' desc, is_delisted asc, exchange asc, ingested_at desc, object_id desc
    ) = 1
),

coins as (
    select
        unnest(['{{ coins_by_name | join("', '") }}']) as name, -- noqa: LT05
        unnest(['{{ coins_by_name.values() | join("', '") }}']) as coin -- noqa: LT05
),

named_instruments as (
    select instruments.instrument_id, instruments.symbol, coins.name as term
    from instruments
    inner join coins on instruments.coin = coins.coin
    union
    select instruments.instrument_id, instruments.symbol, unnest(company_terms(named.name)) as term
    from instruments
    inner join named on instruments.symbol = named.symbol
    where instruments.coin is null
),

terms as (
    select instrument_id, symbol, 'ticker' as term_kind, upper(symbol) as term
    from instruments
    union
    select instrument_id, symbol, 'ticker' as term_kind, coin as term
    from instruments
    where coin is not null
    union
    select instrument_id, symbol, 'code' as term_kind, symbol as term
    from instruments
    where regexp_full_match(symbol, '[1-9][0-9][0-9A-Z][0-9A-Z]')
    union
    select instrument_id, symbol, 'name' as term_kind, term
    from named_instruments
)

select instrument_id, symbol, term_kind, term
from terms
where term != ''
