package clientjs

import _ "embed"

// Replay is the script for a script tag.
//
//go:embed dist/replay.js
var Replay []byte
