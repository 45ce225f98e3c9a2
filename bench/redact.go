package bench

import (
	"path/filepath"
	"regexp"
	"strings"

	json "github.com/goccy/go-json"
)

// hidden stands for a secret; placeholder, for the one that a server is started with, is none.
const (
	hidden      = "***"
	placeholder = "{secret}"
)

var (
	secretName  = regexp.MustCompile(`(?i)^[\w-]*(secret|password|passwd|token)[\w-]*$`)
	secretValue = regexp.MustCompile(`(?i)((?:secret|password|passwd|token)[\w-]*=|-[\w-]*(?:secret|password|passwd|token)[\w-]*\s+)(\{secret\}|'[^']*'|"[^"]*"|\S+)`)
	userInfo    = regexp.MustCompile(`(://)[^@/\s]+@`)
	// A path of more than one folder that begins at the root: it says whose machine this is, and nothing about the result.
	longPath = regexp.MustCompile(`(^|[=,\s'"(])(/[^=,\s'"()]*/[^=,\s'"()]*)`)
)

// publish returns a word of a command line, which may be a command line itself, or an error as it may be seen by everybody: without secrets, and with the
// base names of paths.
func publish(word string) string {
	word = secretValue.ReplaceAllStringFunc(word, func(match string) string {
		if strings.HasSuffix(match, placeholder) {
			return match
		}
		return secretValue.ReplaceAllString(match, "${1}"+hidden)
	})
	word = userInfo.ReplaceAllString(word, "${1}"+hidden+"@")
	return longPath.ReplaceAllStringFunc(word, func(match string) string {
		at := strings.IndexByte(match, '/')
		return match[:at] + filepath.Base(match)
	})
}

// publishAll does so with all words; the one behind a flag of a secret is one.
func publishAll(words []string) []string {
	var list []string
	secret := false
	for _, word := range words {
		if secret && word != placeholder {
			word = hidden
		}
		secret = strings.HasPrefix(word, "-") && secretName.MatchString(word)
		list = append(list, publish(word))
	}
	return list
}

// published is the target as it may be seen by everybody.
func (t Target) published() Target {
	t.Program, t.Args, t.Env, t.Secret = publish(t.Program), publishAll(t.Args), publishAll(t.Env), ""
	return t
}

// MarshalJSON writes what everybody may see.
func (t Target) MarshalJSON() ([]byte, error) {
	type plain Target
	return json.Marshal(plain(t.published()))
}
