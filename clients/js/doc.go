// Package clientjs holds the browser package resound-replay, of which the
// server has one file: the script for pages that load it with a tag.
//
//   - embed.go: that file, dist/replay.js.
//
// The rest of the folder is for npm. src/ is the source, as plain modules with
// types beside them; `npm run build` writes dist/, which is committed, so that
// neither the server nor a user of the package needs Node to build. README.md is
// for who uses it.
//
// The package has no dependencies and works with pusher-js 7.0 to 8.6
// (TestReplayScript); dist/ is what src/ builds to, the script has less than
// 1,000 bytes when it is minified and compressed, and the types are right
// (TestReplayPackage).
package clientjs
