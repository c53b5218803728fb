"""Text that somebody may type or name a file, hostile and odd."""

TEXTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "::JSCODE::alert(1)::JSCODE::",
    "$\\href{javascript:alert(1)}{x}$",
    "![x](http://e.example/x.png)",
    "[x](javascript:alert(1))",
    ":material/home: :red[x] :smile:",
    '<a href="http://e.example">x</a>',
    "=cmd|'/c calc'!A0",
    '@SUM(1)"',
    "+1,2;3",
    "-2+3",
    "'; DROP TABLE images; --",
    "100%_\\",
    "{{7*7}} ${7*7} %s {0}",
    "../../etc/passwd",
    "C:\\x",
    "CON",
    "مرحبا שלום",
    "日本猫 👩\u200d🚀 🏳️\u200d🌈",
    "e\u0301 ﬁ ß İ ı",
    "null",
    "NaN",
    "True",
    "None",
    "\\N",
    "x" * 64,
    "猫" * 64,
]


NAMES = [*TEXTS, "n" * 300, "a\nb\r\tc", "a\x07b\x1b[31m", "\ufffe\u202etxt.exe", ""]
