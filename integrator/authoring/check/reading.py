"""The rules that reading a file, or holding it against its model, applies by itself."""

from __future__ import annotations

from integrator.authoring.check.rule import declare

declare("unreadable-file", "The file exists but cannot be read: correct its permissions.")
declare("not-utf-8", "Files of a site are UTF-8 text.")
declare("yaml-syntax", "The text is not YAML. Only what stands in this file stays unchecked.")
declare("yaml-tab", "YAML is indented with spaces; a tab is not indentation.")
declare("yaml-tag", "Tags (`!!python/…`, `!custom`) have no meaning in a site and are refused.")
declare(
    "unquoted-expression",
    """Inside `{…}` or `[…]` the text `${…}` must stand in quotes, because `{` opens a mapping there.

    Wrong: `- {setBody: {simple: ${body}}}` · Right: `- {setBody: {simple: "${body}"}}`
    """,
)
declare("duplicate-key", "A key stands twice in one mapping; YAML would silently keep the last.")
declare("key-not-text", "A key of a mapping is a mapping or a list.")
declare("unknown-alias", "An alias `*name` names nothing that was anchored with `&name` before it.")
declare("several-documents", "A file of a site is one YAML document: no second `---`.")
declare("file-too-large", "Size, nesting and number of values of a file are bounded, aliases included.")
declare("misplaced-file", "A YAML file stands where no kind of file is expected, or ends in `.yml`.")
declare("unknown-key", "The model knows no such key; the nearest known one is proposed.")
declare("missing-key", "A key that is always needed is missing.")
declare("wrong-value", "The value is of another type, outside its bounds, or not one of the choices.")
declare("wrong-name", "Names are lower-case words with hyphens; parties are `<level>/<name>`.")
declare("wrong-bce", "An enterprise number has ten digits, the last two being 97 - (first eight mod 97).")
declare("wrong-nis", "A NIS code has five digits, the first not 0.")
declare("wrong-fingerprint", "A certificate is named by `sha256:` and 64 lower-case hexadecimal digits.")
declare("wrong-duration", "A duration is a number with ms, s, m, h or d.")
declare("wrong-period", "A period is two ISO days with a slash, the first before the last; one may be empty.")
declare("wrong-quota", "A quota is a count, a slash and s, min, h or day.")
declare("wrong-percentage", "A percentage is a number up to 100 with a percent sign.")
declare("wrong-retention", "A retention is an ISO 8601 period of years, months and days.")
declare("wrong-rest-path", "An HTTP method and an absolute path; `{name}` takes one segment.")
declare("wrong-json-path", "The bus reads `$.a.b`, `$.a[*].b` and `$..a`; nothing else.")
declare("wrong-header-name", "An HTTP header name is letters, digits and hyphens.")
declare("wrong-header-family", "A header family is named with its version: `bced-v1`.")
declare("wrong-pattern", "The regular expression does not compile.")
declare("wrong-reference", 'References are `"${env:NAME}"` and `"${file:/absolute/path}"`.')
declare("wrong-endpoint", "An endpoint is a reference or an http(s) address without user and password.")
declare("wrong-entry", "An entry is `rest` or `soap`, never both.")
declare("wrong-subjects", "Subjects are paths, or `none` with its reason.")
declare("wrong-party", "A party is an organisation or a group of parties.")
declare("outside-site", "A path leaves the site's directory, also through a symbolic link.")
