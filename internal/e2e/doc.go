// Package e2e tests the whole server, from the outside.
//
//   - transcript_test.go, play_test.go, play_log_test.go: a node on sockets in memory and a clock
//     that is moved by hand plays testdata/transcripts/*.txt: what clients and
//     publishers say, and what each of them gets. A change of the wire is a
//     change of a text file: go test ./internal/e2e -run Transcripts -rewrite.
//   - harness_test.go: builds the real binary, starts it as a process of its own
//     and requires that it stops when told to, with exit code 0. Under the race
//     detector the server is built with it too (race_on_test.go, race_off_test.go).
//   - node_test.go, clients/: laravel-echo, pusher-js and the official Node
//     publisher, unchanged; each scenario of a script is a subtest.
//   - browser_test.go: the same in headless Chromium, and the demo page in two tabs.
//   - socket_test.go: a plain client on a real connection.
//   - replay_test.go: what pages missed, with the browser package of clients/js.
//   - users_test.go, kinds_test.go: sign-in, watchlists, cache and encrypted
//     channels, origins and limits with the real clients.
//   - reload_test.go: a thousand applications change under five thousand sockets.
//   - compat_test.go prints docs/COMPATIBILITY.md from the tables of
//     compat_table_*_test.go, and docs_test.go holds the other pages to the program.
//   - proxy_test.go: Debian's nginx in front, with the configuration of deploy/.
//   - gopublisher_test.go: the official Go publisher; api_test.go: requests it cannot make.
//   - log_command_test.go: `resound log` on a running server, after a stop and after a kill.
//   - startup_test.go: .env files, ports, signals and exit codes.
//   - cluster_test.go: several servers that are one, over a real Redis. cluster_clients_test.go: what stock clients see of them;
//     cluster_drift_test.go: pages that come back to another node, and what each of them may lack; cluster_presence_test.go: who is there;
//     cluster_trouble_test.go: whatever can happen to Redis; cluster_garbage_test.go: what others do to it, and what nodes hear of it;
//     cluster_restart_test.go, cluster_ways_test.go: hand-overs, and each way to reach Redis.
//   - swarm_test.go, proc_test.go: 10,000 sockets, and what the server uses for them.
//   - exhaustion_test.go: more sockets than descriptors.
//   - attack_*_test.go: attacks, each with what it cost the server, while a bystander gets every event.
//   - soak_test.go, soak_people_test.go: everything at once, for as long as one likes: make soak.
//   - badinput_test.go, badframes_test.go, unkind_test.go: whatever must not end the
//     process nor reach another socket, while witness_test.go looks on.
//   - conformance_test.go runs the cases of conformance_*_test.go: RFC 6455 as the
//     Autobahn test suite has it, under its numbers, and handshakes.
//   - http_*_test.go: HTTP by hand: connections, bodies, limits, requests hidden in
//     others, and clients that are slow or say nothing.
//
// Nothing here is timed: a test waits for what it wants to see, and gives up
// after patience. Servers listen on 127.0.0.1 only, on a port of the system's choice.
package e2e
