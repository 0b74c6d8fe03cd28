{#- A price or quantity as a number; null where the text is none or it is not finite and positive. -#}
{% macro positive(number) -%}
    case when isfinite(try_cast({{ number }} as double)) and try_cast({{ number }} as double) > 0 then try_cast({{ number }} as double) end
{%- endmacro %}

{% macro not_negative(number) -%}
    case when isfinite(try_cast({{ number }} as double)) and try_cast({{ number }} as double) >= 0 then try_cast({{ number }} as double) end
{%- endmacro %}

{#- The row that was received last for each key. The later columns only make the choice total. -#}
{% macro last_received(keys, then=[]) -%}
    qualify row_number() over (
        partition by {{ keys | join(', ') }}
        order by ingested_at desc, partition_date desc, {% for column in then %}{{ column }} desc, {% endfor %}object_id desc
    ) = 1
{%- endmacro %}

{#-
The prices and the volume of a bar, from columns that are named alike but for a prefix; whether the volume is in shares
as they are since the last split that the vendor knew when it was received.
-#}
{% macro bar_values(prefix='', adjusted=none, split_adjusted_volume=false) -%}
    {{ positive(prefix ~ 'open') }} as open_raw,
    {{ positive(prefix ~ 'high') }} as high_raw,
    {{ positive(prefix ~ 'low') }} as low_raw,
    {{ positive(prefix ~ 'close') }} as close_raw,
    {{ positive(adjusted) if adjusted is not none else 'cast(null as double)' }} as close_vendor_adj,
    {{ not_negative(prefix ~ 'volume') }} as volume_raw,
    {{ split_adjusted_volume | lower }} as is_volume_split_adjusted
{%- endmacro %}
