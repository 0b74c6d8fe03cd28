{#- Posts and articles. -#}

{#- Surrogate id of a document: its source and what names it there. -#}
{% macro document_id(source, names) -%}
    md5('{{ source }}' || '|' || {{ names | join(" || '|' || ") }})
{%- endmacro %}

{#-
Who wrote it, without saying who. The prefix is fixed, not a secret of each lake: the same bytes must give the same rows
in every lake that replays them. It keeps the hashes apart from others' hashes of the same names; whoever tries all names
of a site can still find one, so this is a pseudonym and not anonymity.
-#}
{% macro author_hash(source, name) -%}
    sha256('atlas-quanta author' || '|' || '{{ source }}' || '|' || nullif({{ name }}, ''))
{%- endmacro %}

{#- What the functions on texts read: title and body, each on lines of its own. -#}
{% macro document_text(title, body) -%}
    concat_ws(chr(10), nullif({{ title }}, ''), {{ body }})
{%- endmacro %}

{#- A language tag such as EN-us as ISO 639-1; null where it is none, or the language is not known. -#}
{% macro language_tag(tag) -%}
    nullif(nullif(lower(regexp_extract(trim({{ tag }}), '^([a-zA-Z]{2})([-_].*)?$', 1)), ''), 'zz')
{%- endmacro %}
