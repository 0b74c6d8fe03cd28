{#- Who is traded. A ticker is data: it is hashed or compared, never spliced into a name or a path. -#}

{% macro instrument_id(source, vendor_symbol) -%}
    'ins_' || left(md5('{{ source }}' || '|' || {{ vendor_symbol }}), 16)
{%- endmacro %}

{% macro eodhd_ticker(vendor_symbol) -%}
    regexp_replace({{ vendor_symbol }}, '\.[^.]*$', '')
{%- endmacro %}

{% macro eodhd_exchange(vendor_symbol) -%}
    case when contains({{ vendor_symbol }}, '.') then regexp_extract({{ vendor_symbol }}, '[^.]*$') else 'unknown' end
{%- endmacro %}

{#- XXX is ISO 4217's code for "no currency known". -#}
{% macro eodhd_currency(vendor_symbol) -%}
    case when {{ eodhd_exchange(vendor_symbol) }} in ('US', 'INDX') then 'USD' else 'XXX' end
{%- endmacro %}

{% macro quote_asset(symbol) -%}
    coalesce(nullif(regexp_extract({{ symbol }}, '.(USDT|USDC|FDUSD|TUSD|BUSD|USD|EUR|GBP|TRY|BRL|BTC|ETH|BNB)$', 1), ''), 'XXX')
{%- endmacro %}

{#- Assets that stand for one US dollar. -#}
{% macro is_dollar(asset) -%}
    {{ asset }} in ('USDT', 'USDC', 'FDUSD', 'TUSD', 'BUSD', 'USD')
{%- endmacro %}

{#- When several sources have a bar of the same session, the smallest number wins. -#}
{% macro source_priority(source) -%}
    case {{ source }} when 'eodhd' then 1 when 'binance' then 2 else 9 end
{%- endmacro %}
