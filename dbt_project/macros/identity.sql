{#- Who is traded. A ticker is data: it is hashed or compared, never spliced into a name or a path. -#}

{% macro instrument_id(source, vendor_symbol) -%}
    'ins_' || left(md5('{{ source }}' || '|' || {{ vendor_symbol }}), 16)
{%- endmacro %}

{#- The part after the last dot is the exchange. -#}
{% macro eodhd_ticker(vendor_symbol) -%}
    case
        when contains({{ vendor_symbol }}, '.')
            then left({{ vendor_symbol }}, length({{ vendor_symbol }}) - length(split_part({{ vendor_symbol }}, '.', -1)) - 1)
        else {{ vendor_symbol }}
    end
{%- endmacro %}

{% macro eodhd_exchange(vendor_symbol) -%}
    case when contains({{ vendor_symbol }}, '.') then split_part({{ vendor_symbol }}, '.', -1) else 'unknown' end
{%- endmacro %}

{#- XXX is ISO 4217's code for "no currency known". -#}
{% macro eodhd_currency(vendor_symbol) -%}
    case when {{ eodhd_exchange(vendor_symbol) }} in ('US', 'INDX') then 'USD' else 'XXX' end
{%- endmacro %}

{% macro quote_asset(symbol) -%}
    coalesce(nullif(regexp_extract({{ symbol }}, '.(USDT|USDC|FDUSD|TUSD|BUSD|USD|EUR|GBP|TRY|BRL|BTC|ETH|BNB)$', 1), ''), 'XXX')
{%- endmacro %}

{#- A coin in a currency, such as bitcoin/usd: no pair of any exchange, for the prices are means of many. -#}
{% macro coin_symbol() -%}
    coin_id || '/' || vs_currency
{%- endmacro %}

{#- Assets that stand for one US dollar. -#}
{% macro is_dollar(asset) -%}
    {{ asset }} in ('USDT', 'USDC', 'FDUSD', 'TUSD', 'BUSD', 'USD')
{%- endmacro %}

{#- When several sources have a bar of the same session, the smallest number wins. -#}
{% macro source_priority(source) -%}
    case {{ source }}
        when 'eodhd' then 1 when 'alpaca' then 2 when 'tiingo' then 3 when 'iex' then 4 when 'binance' then 5
        when 'alpaca_iex' then 6 when 'coingecko' then 7 when 'landing' then 9 else 8
    end
{%- endmacro %}

{#-
The daily bars of every source in one schema, one of each source a session; a landed ticker has no venue yet. Among
files the row received last counts, and the symbol's own bar before that of its exchange's bulk. `filter` follows
the name of each staging model.
-#}
{% macro bars_of_all_sources(filter) %}
    select * from {{ ref('stg_eodhd__daily_bars') }} {{ filter }}
    union all
    select *
    from (select * from {{ ref('stg_eodhd__bulk_daily_bars') }} {{ filter }})
    anti join {{ source('raw', 'eodhd_eod') }} as single on vendor_symbol = single.symbol and session_date = single.date
    {%- for staged in [
        'stg_tiingo__daily_bars', 'stg_alpaca__daily_bars', 'stg_iex__daily_bars', 'stg_binance__daily_bars',
        'stg_coingecko__daily_bars'
    ] %}
        union all
        select * from {{ ref(staged) }} {{ filter }}
    {%- endfor %}
    union all
    select * from {{ ref('stg_landing__daily_bars') }} {{ filter }} {{ last_received(['symbol', 'session_date'], then=['row_number']) }}
{% endmacro %}

{#- The days on which symbols have trades or intraday bars; symbols of files that keep no calendar are their own venue. -#}
{% macro days_of_ticks(filter) %}
    {%- for staged, venue in [
        ('stg_binance__trades', 'venue'),
        ('stg_binance__intraday_bars', 'venue'),
        ('stg_eodhd__intraday_bars', 'venue'),
        ('stg_alpaca__trades', 'null::varchar'),
        ('stg_alpaca__intraday_bars', 'null::varchar'),
        ('stg_tiingo__intraday_bars', 'null::varchar'),
        ('stg_iex__intraday_bars', 'null::varchar'),
        ('stg_landing__trades', venue_of_file()),
        ('stg_landing__intraday_bars', venue_of_file()),
    ] %}
        {{ 'union all' if not loop.first }}
        select distinct
            {{ venue }} as venue, symbol, session_date, null::double as close_raw, instrument_type, currency, source
        from {{ ref(staged) }} {{ filter }}
    {%- endfor %}
{% endmacro %}

{% macro venue_of_file() -%}
    case when calendar <> 'XNYS' then 'landing' end
{%- endmacro %}

{#- The venue that a bare ticker means: the US where it is listed there, else the first by name. -#}
{% macro venue_of_tickers(relation) -%}
    select symbol, coalesce(min(venue) filter (where venue = 'US'), min(venue)) as venue
    from {{ relation }}
    where venue is not null
    group by symbol
{%- endmacro %}

{#- A ticker that nobody used for so long, and came back at another price, names another instrument. -#}
{% macro silent_days() %}90{% endmacro %}
{% macro other_price(before, after) -%}
    not coalesce({{ after }} / {{ before }} between 1.0 / 3 and 3, true)
{%- endmacro %}

{#- A calendar is known for what is listed in the US. -#}
{% macro eodhd_calendar(vendor_symbol) -%}
    case when {{ eodhd_exchange(vendor_symbol) }} in ('US', 'INDX') then 'XNYS' end
{%- endmacro %}

{% macro landed_calendar() -%}
    coalesce(calendar, 'XNYS')
{%- endmacro %}

{#-
What a table by (symbol, session_date) has of the symbols whose holders, days or currencies in `ticker_history` changed.
-#}
{% macro renamed_tickers(table) -%}
    select kept.symbol, kept.session_date
    from lake.silver.{{ table }} as kept
    semi join (
        select symbol
        from lake.silver.table_changes('ticker_history', {since}, {now})
        group by venue, symbol, instrument_id, valid_from, valid_to, currency
        having count(*) filter (change_type = 'insert') <> count(*) filter (change_type = 'delete')
    ) as moved using (symbol)
{%- endmacro %}
