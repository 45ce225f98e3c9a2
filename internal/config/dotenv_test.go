package config

import (
	"strings"
	"testing"
)

// environ stands for the environment of the process in ${NAME}.
func environ(name string) (string, bool) {
	v, ok := map[string]string{"OUTSIDE": "outside", "BOTH": "outside", "NOTHING": ""}[name]
	return v, ok
}

// The values of A, as phpdotenv 5 reads them.
func TestParseEnvLikePhpdotenv(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"plain", `A=x`, "x"},
		{"spaces around the equals sign", " A \t= x  ", "x"},
		{"a second equals sign", `A=x=y==`, "x=y=="},
		{"export", `export A=x`, "x"},
		{"export and a tab", "export\tA=x", "x"},
		{"a name that begins with export", "exportA=y\nA=x", "x"},
		{"quoted name", `"A"=x`, "x"},
		{"empty", `A=`, ""},
		{"empty quotes", `A=""`, ""},
		{"empty single quotes", `A=''`, ""},
		{"the last one wins", "A=1\nA=2", "2"},

		{"windows line ends", "B=1\r\nA=x\r\nC=2\r\n", "x"},
		{"old macintosh line ends", "B=1\rA=x\rC=2", "x"},
		{"byte order mark", "\ufeffA=x", "x"},
		{"no line end at the end", "B=1\nA=x", "x"},
		{"blank lines", "\n\n  \nA=x\n\n", "x"},

		{"comment line", "# A=y\n  # A=z\nA=x", "x"},
		{"comment behind", `A=x # y`, "x"},
		{"two comments behind", `A=x # y # z`, "x"},
		{"a hash ends a value even without a space", `A=ab#cd`, "ab"},
		{"only a comment", `A=#x`, ""},
		{"hash in single quotes", `A='ab#cd'`, "ab#cd"},
		{"hash in double quotes", `A="ab #cd" # y`, "ab #cd"},
		{"a quote in a comment", "A=x # it's \"so\nB=1", "x"},
		{"a comment line that looks like a value of several lines", "# B=\"\nA=x\nC=\"y\"", "x"},

		{"dollar in a secret", `A=ab$cd`, "ab$cd"},
		{"dollar and capitals in a secret", `A=ab$CD`, "ab$CD"},
		{"dollar in quotes", `A="ab$CD"`, "ab$CD"},
		{"dollar at the end", `A=ab$`, "ab$"},
		{"two dollars", `A="$$"`, "$$"},
		{"command", `A='$(id)'`, "$(id)"},
		{"reference in single quotes", "B=1\nA='${B}'", "${B}"},
		{"escaped reference", "B=1\nA=\"\\${B}\"", "${B}"},
		{"backslash before a reference without quotes", "B=1\nA=\\${B}", `\1`},

		{"reference", "B=1\nA=${B}", "1"},
		{"reference in quotes", "B=1\nA=\"<${B}>\"", "<1>"},
		{"two references", "B=1\nC=2\nA=${B}-${C}", "1-2"},
		{"lower case", "b.c_d=1\nA=${b.c_d}", "1"},
		{"reference to what follows", "A=${B}\nB=1", "${B}"},
		{"reference to nothing", "A=${NOPE}", "${NOPE}"},
		{"reference to an empty value", "B=\nA=<${B}>", "<>"},
		{"reference without an end", "B=1\nA=${B", "${B"},
		{"reference to a bad name", "A=${a-b}", "${a-b}"},
		{"reference to the environment", "A=${OUTSIDE}", "outside"},
		{"the environment wins in a reference", "BOTH=file\nA=${BOTH}", "outside"},
		{"an empty variable of the environment", "NOTHING=file\nA=<${NOTHING}>", "<>"},
		{"a name that is only declared", "B\nA=${B}", "${B}"},
		{"a value is not read again", "B='${C}'\nC=1\nA=${B}", "${C}"},
		{"an inner reference first", "B=C\nBC=x\nA=${B${B}}", "x"},

		{"escapes", `A="a\tb\nc\rd\fe\vf"`, "a\tb\nc\rd\fe\vf"},
		{"escaped quote", `A="say \"x\""`, `say "x"`},
		{"escaped backslash at the end", `A="x\\" # y`, `x\`},
		{"escapes mean nothing in single quotes", `A='a\nb\'`, `a\nb\`},
		{"escapes mean nothing without quotes", `A=a\nb`, `a\nb`},
		{"quotes inside a plain value", `A=a"b'c`, `a"b'c`},
		{"single inside double quotes", `A="it's"`, "it's"},
		{"double inside single quotes", `A='"x"'`, `"x"`},
		{"spaces inside quotes", `A="  x  "`, "  x  "},
		{"letters beyond ASCII", `A=Zoë☃`, "Zoë☃"},
		{"a key of base64", `A=base64:aGVsbG8+d29ybGQ/Kg==`, "base64:aGVsbG8+d29ybGQ/Kg=="},

		{"several lines", "A=\"one\ntwo\n# three\"\nB=1", "one\ntwo\n# three"},
		{"several lines, quote alone at the end", "A=\"one\n\"\nB=1", "one\n"},
		{"several lines with escaped quotes", "A=\"say \\\"x\ny\\\" z\"\nB=1", "say \"x\ny\" z"},
		{"several lines of windows", "A=\"one\r\ntwo\"\r\nB=1", "one\ntwo"},
	} {
		f, err := parseEnv(".env", []byte(tc.file), environ)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if e, ok := f.entries["A"]; !ok || e.value != tc.want || e.null {
			t.Errorf("%s: %q gives %q, want %q", tc.name, tc.file, e.value, tc.want)
		}
	}
}

func TestParseEnvKeepsLines(t *testing.T) {
	f, err := parseEnv(".env", []byte("# first\nA=1\nB=\"x\ny\nz\"\n\nC=3\r\nD\nA=4\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]entry{
		"A": {value: "4", line: 9},
		"B": {value: "x\ny\nz", line: 3},
		"C": {value: "3", line: 7},
		"D": {line: 8, null: true},
	} {
		if got := f.entries[name]; got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestParseEnvErrors(t *testing.T) {
	for _, tc := range []struct{ file, want string }{
		{"A=1\nB=two words\n", `.env:2: B: a value with spaces needs quotes around it`},
		{"A='x", `.env:1: A: a quote is never closed`},
		{"A=\"x\nB=1\nC=2", `.env:1: a quote is never closed`},
		{`A = "x`, `.env:1: A: a quote is never closed`},
		{`A = "x\`, `.env:1: A: a quote is never closed`},
		{`A='it's'`, `.env:1: A: something follows the closing quote; write \" for a quote inside double quotes`},
		{`A="x"y`, `.env:1: A: something follows the closing quote; write \" for a quote inside double quotes`},
		{"\nA=\"\\q\"", `.env:2: A: only \" \\ \$ \n \r \t \f \v may be escaped in double quotes; use single quotes to keep backslashes`},
		{"=x", `.env:1: there is no name before '='`},
		{"A-B=1", `.env:1: '-' stands in the name of a variable; a line is NAME=value or a # comment`},
		{"just words", `.env:1: ' ' stands in the name of a variable; a line is NAME=value or a # comment`},
	} {
		_, err := parseEnv(".env", []byte(tc.file), nil)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%q: got %v, want %s", tc.file, err, tc.want)
		}
	}
}

// An error must not tell a secret.
func TestParseEnvErrorsHideValues(t *testing.T) {
	for _, file := range []string{"A=hush hush", "A='hush", "A=\"hush", "A=\"hush\\q\"", "A=\"hush\"hush", "A=\"hush\nhush"} {
		if _, err := parseEnv(".env", []byte(file), nil); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func FuzzParseEnv(f *testing.F) {
	for _, s := range []string{"A=x", "A=\"x\ny\" # z", "export A='${B}'", "A=${B${C}}", "A=\"\\\\\"", "\ufeffA", "\"\"=", "A=\"\r\r\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		file, err := parseEnv("f", []byte(s), nil)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("no line in %q", err)
			}
			return
		}
		lines := strings.Count(s, "\n") + strings.Count(s, "\r") + 1
		for name, e := range file.entries {
			if name == "" || e.line < 1 || e.line > lines {
				t.Fatalf("%q at line %d of %d", name, e.line, lines)
			}
		}
		// Whatever text there is, quoting it as one would by hand gives it back.
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`).Replace(s)
		file, err = parseEnv("f", []byte(`A="`+quoted+`"`), nil)
		if err != nil || file.entries["A"].value != s {
			t.Fatalf("%q was quoted as %s and read as %q, %v", s, quoted, file.entries["A"].value, err)
		}
	})
}
