// Package doctor examines a Laravel project, the machine and the running server before the
// switch from Reverb, and says what to do. It is what `resound doctor` prints, and `resound health`.
//
//   - doctor.go: Run, the groups of checks in their order.
//   - report.go: Verdict, Check and Report; how it is printed.
//   - project.go: the files of the Laravel project that have a say in broadcasting.
//   - packages.go: versions in composer.lock, package.json and package-lock.json.
//   - health.go: Health, which is no more than whether the server answers.
//   - server.go: who listens where the settings say, and a conversation with it.
//   - public.go: the same through the public address, and what a proxy does to it.
//   - trip.go: an event on its way from a publish to a socket; advice for what it came to.
//   - endpoint.go, socket.go: HTTP, the signed API and WebSockets, as a client has them.
//   - machine.go: limits of the system, descriptors and memory.
//   - redis.go: where the servers of a cluster meet.
//   - leftovers.go, process.go: what still starts Reverb, and who has the port.
//
// Invariants. Nothing is changed: a file is only read, a process only looked at. What is published
// goes to channels with random names; a server that keeps events forgets these as any others. Every check ends in one of four verdicts, and none is left out
// without a word: what cannot be looked at is not checked, with the reason. No report holds a
// secret, whoever said it (TestNoSecretIsShown); one that is shorter than a word is warned of instead (TestShortSecrets). Nobody is asked to trust a wrong
// certificate, but on the way to this machine's own server.
//
// How Resound is told from Reverb: both send the header X-Powered-By: Laravel Reverb, but only Resound has a
// script at /app/replay.js.
//
// Other than a browser it uses no proxy of the environment; as a WebSocket it follows no redirect.
package doctor
