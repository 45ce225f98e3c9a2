package demo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"

	"github.com/goccy/go-json"

	"resound/internal/apps"
)

//go:embed page
var files embed.FS

// assets are the files that the page asks for, under demo/.
var assets = []string{"style.css", "icon.svg", "main.js", "client.js", "chart.js", "orders.js", "people.js", "feed.js"}

// mediaTypes are said here, not looked up: a system's table may not know them.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// pageFile serves one embedded file. Browsers ask again each time and mostly
// get a 304: a new build must never run with the scripts of the old one.
func pageFile(name string) http.HandlerFunc {
	raw, err := files.ReadFile("page/" + name)
	if err != nil {
		panic("demo: " + err.Error()) // a name above that is not in the binary
	}
	sum := sha256.Sum256(raw)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", mediaTypes[path.Ext(name)])
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(raw))
	}
}

// serveConfig tells the page which application it belongs to. The secret is not
// for browsers.
func serveConfig(app *apps.App) http.HandlerFunc {
	raw, err := json.Marshal(struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}{app.ID, app.Key})
	if err != nil {
		panic("demo: " + err.Error()) // two strings always encode
	}
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, raw) }
}
