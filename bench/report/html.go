package report

import (
	_ "embed"
	"encoding/base64"
	"html/template"
	"strings"

	json "github.com/goccy/go-json"

	"resound/bench"
)

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"svg": func(p drawn) template.HTML {
		return template.HTML(SVG(p.Figure)) //nolint:gosec // SVG escapes every text in it
	},
	"raw": func(s *bench.Saved) (template.URL, error) {
		b, err := json.Marshal(s)
		return template.URL("data:application/json;base64," + base64.StdEncoding.EncodeToString(b)), err
	},
}).Parse(pageText))

// HTML is a page of saved results in one file: tables, plots, how each came about, and the raw figures to
// download. It has no scripts, loads nothing, and goes by whether the reader likes it dark.
func HTML(title string, list []*bench.Saved) (string, error) {
	var b strings.Builder
	err := pageTemplate.Execute(&b, pageOf(title, list))
	return b.String(), err
}
