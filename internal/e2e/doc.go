// Package e2e tests the whole server, from the outside.
//
//   - transcript_test.go, play_test.go: a node on sockets in memory and a clock
//     that is moved by hand plays testdata/transcripts/*.txt: what clients and
//     publishers say, and what each of them gets. A change of the wire is a
//     change of a text file: go test ./internal/e2e -run Transcripts -rewrite.
package e2e
