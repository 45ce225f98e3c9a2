package bench

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ParseCommand reads "NAME=[KEY=VALUE ...] PROGRAM [ARG ...]": a server of any kind that
// the harness starts. Words are split as a shell splits them, quotes and backslashes included,
// but nothing is expanded. One of them has to hold {port}; {dir}, {id}, {key} and {secret} may stand
// anywhere but in the name. The credentials are the caller's to fill in.
func ParseCommand(text string) (Target, error) {
	name, command, ok := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, `'"{}`) {
		return Target{}, fmt.Errorf("%q has no name: write NAME=PROGRAM ARG…, as in 'mine=./server --port {port}'", text)
	}
	t := Target{Name: name}
	return t, t.setCommand(command)
}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// setCommand fills Env, Program and Args.
func (t *Target) setCommand(command string) error {
	words, err := splitWords(command)
	if err != nil {
		return fmt.Errorf("the command of %s: %w", t.Name, err)
	}
	for len(words) > 0 && assignment.MatchString(words[0]) {
		t.Env, words = append(t.Env, words[0]), words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("the command of %s names no program: write NAME=[KEY=VALUE …] PROGRAM [ARG …]", t.Name)
	}
	t.Program, t.Args = words[0], words[1:]
	for _, word := range append(t.Env, t.Args...) {
		if strings.Contains(word, "{port}") {
			return nil
		}
	}
	return fmt.Errorf("the command of %s has no {port}: the server has to listen on 127.0.0.1 at the port that {port} becomes", t.Name)
}

// splitWords splits a command as a shell does, with '…', "…" and backslashes. What a shell would
// do more with is an error, so that nobody waits for a pipe that is an argument.
func splitWords(text string) (words []string, err error) {
	var word strings.Builder
	inWord, quote := false, rune(0)
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		escape := r == '\\' && quote != '\'' && i+1 < len(runes) && (quote == 0 || strings.ContainsRune(`"\`, runes[i+1]))
		switch {
		case escape:
			i++
			word.WriteRune(runes[i])
			inWord = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && strings.ContainsRune(" \t\n", r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		case quote == 0 && strings.ContainsRune("|&;<>$`", r):
			return nil, fmt.Errorf("%q is for a shell, and there is none: quote it, or run sh -c '…'", r)
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// public is t with {secret} in place of the secret in what a result shows: a server that is started gets it back.
func (t Target) public() Target {
	if t.Secret == "" {
		return t
	}
	hide := func(words []string) (hidden []string) {
		for _, w := range words {
			hidden = append(hidden, strings.ReplaceAll(w, t.Secret, "{secret}"))
		}
		return hidden
	}
	t.Args, t.Env = hide(t.Args), hide(t.Env)
	return t
}

// fill returns the words with their placeholders replaced.
func (s *server) fill(words []string) (filled []string) {
	replace := strings.NewReplacer("{port}", fmt.Sprint(s.addr.Port), "{dir}", s.dir, "{id}", s.ID, "{key}", s.Key, "{secret}", s.Secret)
	for _, w := range words {
		filled = append(filled, replace.Replace(w))
	}
	return filled
}
