package lint

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// A banned pattern is looked for in every line of every text file. The
// patterns are written so that they do not match their own source.
type banned struct {
	pattern *regexp.Regexp
	except  func(p string) bool // files that the pattern is not looked for in
	advice  string
}

var bannedText = []banned{
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`), isLock,
		"finish it, or write an issue"},
	{regexp.MustCompile(`(^|[^\w./-])/(work|root)/`), nil,
		"a path of somebody's machine: use one relative to the repository, a temporary folder or a flag"},
	{regexp.MustCompile(`(?i)\b((proxy|sum)\.golang\.|registry\.(npmjs|yarnpkg)\.|(pypi|pythonhosted|rubygems)\.org|` +
		`repo\.packagist\.|static\.crates\.|deb\.debian\.)`), nil,
		"where packages come from is for the machine to say: leave the host out; for a lock file set npm's omit-lockfile-registry-resolved"},
	{regexp.MustCompile(`"resolved": *"https?:`), isCode,
		"where packages come from is for the machine to say: write the lock file with npm's omit-lockfile-registry-resolved"},
}

// isLock says whether a file is full of checksums, in which any word can occur.
func isLock(p string) bool {
	return path.Base(p) == "go.sum" || path.Base(p) == "package-lock.json"
}

func isCode(p string) bool { return path.Base(p) != "package-lock.json" }

// checkText: no file holds what is banned. Corpora of fuzz targets are found
// by machines and may hold anything, and so may files that are not text.
func checkText(t *tree) (found []string) {
	for _, p := range t.paths {
		if strings.Contains(p, "testdata/fuzz/") {
			continue
		}
		text, err := fs.ReadFile(t.fsys, p)
		if err != nil {
			found = append(found, fmt.Sprintf("%s: cannot be read: %v", p, err))
			continue
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		number := 0
		for line := range bytes.Lines(text) {
			number++
			for _, b := range bannedText {
				if b.except != nil && b.except(p) {
					continue
				}
				if m := b.pattern.Find(line); m != nil {
					found = append(found, fmt.Sprintf("%s:%d: %q: %s", p, number, m, b.advice))
				}
			}
		}
	}
	return found
}
