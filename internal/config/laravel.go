package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-json"
)

// maxUp is how many directories above the working directory are looked at. A
// Laravel project is left by public/, app/Http/Controllers/Api and the like;
// going up to / could find a project that has nothing to do with this one.
const maxUp = 4

// findProject returns the root of the Laravel project that dir is in, or "".
func findProject(dir string) string {
	for range maxUp + 1 {
		if isProject(dir) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return ""
}

// isProject asks for artisan and, so that a stray file of that name is not
// enough, for a .env file or a composer.json that requires Laravel.
func isProject(dir string) bool {
	if !isFile(filepath.Join(dir, "artisan")) {
		return false
	}
	return isFile(filepath.Join(dir, ".env")) || requiresLaravel(filepath.Join(dir, "composer.json"))
}

func requiresLaravel(path string) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var composer struct {
		Require map[string]any `json:"require"`
	}
	if json.Unmarshal(b, &composer) != nil {
		return false
	}
	_, ok := composer.Require["laravel/framework"]
	return ok
}

// projectEnv returns the .env file that Laravel would read in the project, or
// "" when there is none, and every place where one would be found. With APP_ENV in the environment that is .env.{APP_ENV}, if it exists.
func projectEnv(project, appEnv string) (path string, places []string) {
	names := []string{".env"}
	if appEnv != "" && appEnv == filepath.Base(appEnv) {
		names = []string{".env." + appEnv, ".env"}
	}
	for _, name := range names {
		// A file that may not be looked at is returned, so that reading it says why.
		place := filepath.Join(project, name)
		places = append(places, place)
		if path == "" && exists(place) {
			path = place
		}
	}
	return path, places
}

// exists is also true of what may not be looked at.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// word reads a value as Laravel's env() does: (true), (null) and their like in
// any case, and one more pair of quotes. Null and empty are both "".
func word(s string) string {
	switch strings.ToLower(s) {
	case "true", "(true)":
		return "true"
	case "false", "(false)":
		return "false"
	case "null", "(null)", "empty", "(empty)":
		return ""
	}
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[0] == s[n-1] {
		return s[1 : n-1]
	}
	return s
}
