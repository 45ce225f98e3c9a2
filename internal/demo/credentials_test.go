package demo

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestCredentialsAreMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "demo")
	first, err := Credentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Validate(); err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string][2]string{
		"id":     {first.ID, `^[0-9]{6}$`},
		"key":    {first.Key, `^[a-z0-9]{20,}$`},
		"secret": {first.Secret, `^[a-z0-9]{20,}$`},
	} {
		if !regexp.MustCompile(tc[1]).MatchString(tc[0]) {
			t.Errorf("the %s %q is not of the form %s", what, tc[0], tc[1])
		}
	}
	again, err := Credentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, first) {
		t.Errorf("the second start got %+v, the first one %+v", again, first)
	}
	other, err := Credentials(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if other.Key == first.Key || other.Secret == first.Secret {
		t.Error("two installations share a key or a secret")
	}
}

func TestCredentialsAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	if _, err := Credentials(dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, credentialsFile): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 { // with .gitignore; nothing temporary is left
		t.Errorf("the directory holds %v", entries)
	}
}

func TestDamagedCredentialsAreNotReplaced(t *testing.T) {
	for name, content := range map[string]string{
		"empty":       "",
		"cut off":     `{"id":"1234`,
		"not an app":  `{"id":"123456","key":"k"}`,
		"unsafe key":  `{"id":"123456","key":"a/b","secret":"s"}`,
		"other shape": `[1,2]`,
		"two at once": `{"id":"1","key":"k","secret":"s"}{"id":"2","key":"l","secret":"t"}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, credentialsFile)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			app, err := Credentials(dir)
			if err == nil {
				t.Fatalf("got %+v, want an error", app)
			}
			for _, want := range []string{path, "damaged", "remove it"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if after, _ := os.ReadFile(path); string(after) != content {
				t.Errorf("the file was changed to %q", after)
			}
		})
	}
}

func TestCredentialsSayWhatToDoAboutTheDirectory(t *testing.T) {
	// A file where the directory should be stops even root, as which the tests may run.
	file := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := Credentials(dir)
		if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "make the directory writable") {
			t.Errorf("got %v, want a hint to make %s writable", err, dir)
		}
	}
	// The name of the file is taken by a directory: it can be neither read nor replaced.
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, credentialsFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Credentials(dir); err == nil || !strings.Contains(err.Error(), credentialsFile) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func TestOnlyADirectoryOfOursIsKeptOutOfGit(t *testing.T) {
	theirs := t.TempDir()
	ours := filepath.Join(theirs, "storage", "resound")
	for _, dir := range []string{ours, theirs} {
		if _, err := Credentials(dir); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(ours, ".gitignore")); err != nil || string(b) != "*\n" {
		t.Errorf("the directory that was made has %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(theirs, ".gitignore")); !os.IsNotExist(err) {
		t.Errorf("a directory that was there got a .gitignore: %v", err)
	}
}
