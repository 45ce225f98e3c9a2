package config

import (
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/goccy/go-json"

	"resound/internal/apps"
)

// Print writes the settings for `resound config` and below them the
// applications: aligned tables, or with asJSON one JSON object, in which every application has all its settings. Secrets are masked unless showSecrets is set.
func (c *Config) Print(w io.Writer, asJSON, showSecrets bool) error {
	if asJSON {
		return c.printJSON(w, showSecrets)
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	rows := []string{"SETTING\tVALUE\tSOURCE\tENVIRONMENT NAME"}
	for _, s := range c.Settings {
		rows = append(rows, strings.Join([]string{s.Name, s.cell(showSecrets), s.Source, dash(s.Env)}, "\t"))
	}
	if len(c.served) > 0 {
		rows = append(rows, "", "APPLICATION\tKEY\tSECRET\tSOURCE\tSETTINGS OF ITS OWN")
	}
	for _, a := range c.served {
		secret, own := Setting{Value: a.app.Secret, Secret: true}, Setting{Value: strings.Join(a.own(), " ")}
		rows = append(rows, strings.Join([]string{a.app.ID, a.app.Key, secret.cell(showSecrets), a.place, own.cell(true)}, "\t"))
	}
	rows = append(rows, c.historyRows()...)
	if len(c.Warnings) > 0 {
		rows = append(rows, "")
	}
	for _, warning := range c.Warnings {
		rows = append(rows, "warning: "+warning)
	}
	if _, err := io.WriteString(t, strings.Join(rows, "\n")+"\n"); err != nil {
		return err
	}
	return t.Flush()
}

func (c *Config) printJSON(w io.Writer, showSecrets bool) error {
	type row struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Source string `json:"source"`
		Env    string `json:"env,omitempty"`
	}
	type rule struct {
		Channels []string          `json:"channels"`
		Source   string            `json:"source"`
		Settings map[string]string `json:"settings"`
	}
	type app struct {
		ID       string            `json:"app_id"`
		Key      string            `json:"key"`
		Secret   string            `json:"secret"`
		Source   string            `json:"source"`
		Settings map[string]string `json:"settings"`
		History  []rule            `json:"history"`
	}
	out := struct {
		Demo     bool     `json:"demo"`
		Settings []row    `json:"settings"`
		Apps     []app    `json:"apps"`
		Warnings []string `json:"warnings"`
	}{Apps: []app{}, Demo: len(c.served) == 0, Warnings: append([]string{}, c.Warnings...)}
	for _, s := range c.Settings {
		out.Settings = append(out.Settings, row{s.Name, s.shown(showSecrets), s.Source, s.Env})
	}
	for _, a := range c.served {
		secret := Setting{Value: a.app.Secret, Secret: true}
		rules := []rule{}
		for i, r := range a.rules {
			settings := make(map[string]string)
			for _, k := range ruleKeys {
				settings[k.name] = k.show(&a.app.HistoryRules[i].History)
			}
			rules = append(rules, rule{r.channels, r.place, settings})
		}
		out.Apps = append(out.Apps, app{a.app.ID, a.app.Key, secret.shown(showSecrets), a.place, a.limits, rules})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// historyRows is the table of the rules, with what each takes from its application; none without a rule.
func (c *Config) historyRows() []string {
	var rows []string
	for _, a := range c.served {
		for i, r := range a.rules {
			row := []string{a.app.ID, Setting{Value: strings.Join(r.channels, " ")}.cell(true)}
			for _, k := range ruleKeys {
				row = append(row, k.cell(&a.app.HistoryRules[i].History))
			}
			rows = append(rows, strings.Join(append(row, r.place), "\t"))
		}
		if len(a.rules) > 0 {
			row := []string{a.app.ID, "all others"}
			for _, k := range ruleKeys {
				row = append(row, k.cell(&a.app.History))
			}
			rows = append(rows, strings.Join(append(row, a.place), "\t"))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	head := []string{"APPLICATION", "HISTORY OF"}
	for _, k := range ruleKeys {
		head = append(head, strings.ToUpper(strings.ReplaceAll(k.name, "_", " ")))
	}
	return append([]string{"", strings.Join(append(head, "SOURCE"), "\t")}, rows...)
}

// cell is the value for the table.
func (k ruleKey) cell(h *apps.History) string {
	s := Setting{Value: k.show(h)}
	if s.Value == "0" || s.Value == "0s" {
		s.Note = k.zero
	}
	return s.cell(true)
}

// own lists what the entry of the config file has, as key=value.
func (a application) own() []string {
	var list []string
	for _, key := range a.set {
		list = append(list, key+"="+a.limits[key])
	}
	return list
}

// shown is the value as it may be looked at.
func (s Setting) shown(showSecrets bool) string {
	if !s.Secret || showSecrets || s.Value == "" {
		return s.Value
	}
	if s.url {
		return maskURL(s.Value)
	}
	return Mask(s.Value)
}

// cell is the value for the table. What could break its lines, or speak to the
// terminal, is quoted.
func (s Setting) cell(showSecrets bool) string {
	v := s.shown(showSecrets)
	if strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) {
		v = strconv.Quote(v)
	}
	if s.Note != "" {
		v += " (" + s.Note + ")"
	}
	return dash(v)
}

// Mask keeps at most the first four characters of a secret, and no more than
// a quarter of it, so that two secrets can be told apart and neither be used.
func Mask(secret string) string {
	r := []rune(secret)
	return string(r[:min(4, len(r)/4)]) + "********"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
