package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// reverbNames are names of Reverb's own configuration, and of the tools around
// it, that say nothing to this server. They are no mistake in a .env file.
var reverbNames = []string{
	"REVERB_SERVER",
	"REVERB_PULSE_INGEST_INTERVAL", "REVERB_TELESCOPE_INGEST_INTERVAL",
}

// ownNames are the names in the `env` tags of Config.
func ownNames() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := f.Tag.Get("env"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// warnings returns what the person should know, each on one line.
func (s *sources) warnings() []string {
	list := slices.Clone(s.notes)
	known := append(ownNames(), reverbNames...)
	for _, name := range s.names() {
		if suffix(name) == name || slices.Contains(known, name) {
			continue
		}
		_, from, _ := s.lookup(name)
		if from.place == "environment" && serviceName.MatchString(name) {
			continue
		}
		line := fmt.Sprintf("%s is not a setting", from)
		if near := Nearest(name, known); near != "" {
			line += "; did you mean " + near + "?"
		}
		list = append(list, line)
	}
	return list
}

// names returns every variable in sight, sorted.
func (s *sources) names() []string {
	var names []string
	for name := range s.environ {
		names = append(names, name)
	}
	if s.file != nil {
		for name, e := range s.file.entries {
			if _, ok := s.environ[name]; !ok && !e.null {
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}

// serviceName matches what Kubernetes and Docker links put into the
// environment beside a service called reverb or resound.
var serviceName = regexp.MustCompile(`^(REVERB|RESOUND)_(SERVICE_(HOST|PORT)|PORT(_[0-9]+_(TCP|UDP))?)(_[A-Z0-9_]+)?$`)

// suffix is the name without the prefix of Reverb or of ours. A name without either comes back whole.
func suffix(name string) string {
	for _, prefix := range []string{"REVERB_", "RESOUND_"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	return name
}

// Nearest returns the known name with the fewest changes, or "" if all are far
// away. Only what follows the prefix is compared: RESOUND_APP_KEY is near REVERB_APP_KEY.
func Nearest(name string, known []string) string {
	name = suffix(name)
	best, found := max(2, len(name)/3)+1, ""
	for _, k := range known {
		if d := distance(name, suffix(k)); d < best {
			best, found = d, k
		}
	}
	return found
}

// distance counts the letters to insert, to delete and to change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
