// Package api is the Pusher HTTP API: what Laravel publishes through.
//
//   - server.go: Options, and the HTTP server with its settings.
//   - route.go: from a path to what is asked, and which methods are allowed.
//   - request.go: one request under way, and its answer.
//   - direct.go: publishes that an event loop answers itself.
//   - auth.go: signatures.
//   - promise.go: who may send a large body.
//   - timestamp.go: requests from another time.
//   - event.go: one event of a body, and what may be wrong with it.
//   - events.go: POST events and batch_events.
//   - settle.go: what an answer waits for, and what it lacks in a cluster.
//   - info.go: attributes of channels, as publishers ask for them.
//   - query.go: GET channels, users and connections; POST terminate_connections.
//   - messages.go: the body of a 422.
//   - script.go: GET replay.js, what pages load.
//   - upgrade.go: a WebSocket upgrade goes back to the reactor.
//   - gate.go: requests that come while another process takes over.
//   - conn.go: refused publishers get to read why; a shutdown does not wait for who is silent;
//     connections have a limit.
//   - stats.go: how many requests of each kind, how they were answered, how long they took.
//   - limits.go: every limit, each with its reason.
//
// Answers. A success is 200 with a JSON object: pusher-http-php takes anything
// else for an error, and an empty list for a crash. A refusal is one line of
// plain text that ends up word for word in the publisher's log, so it names
// the limit, how much it was and which setting raises it. A body that is JSON
// but lacks something gets 422 and Laravel's messages by field. The order is
// 404, 405, unknown application 404, signature and then time 401, body 400 or 422.
//
// Invariants. Nothing of a request is published before all of it was checked.
// name and data are passed on byte for byte, and only from a body that is
// valid UTF-8 and valid JSON, so every frame is too. Neither a secret nor an
// expected signature is ever in an answer or a log. Nothing keeps a slice of
// a request after its answer; test builds overwrite the body to show it.
//
// Settings of an application are those of the request's moment: a reload is
// effective for the next request, also on connections that are kept (TestReload).
//
// A shutdown closes connections that have no request under way at once, and
// finishes what has begun to arrive (TestShutdownClosesWhoHasNoRequest,
// TestShutdownFinishesRequests, TestShutdownAnswersWhatWasHandedOver). What a
// connection brings after it was closed is not served (TestShutdownMeetsARequest).
//
// Threads. All methods of Server may be called from any goroutine. fasthttp
// has one goroutine for each connection and there are at most maxConnections
// (TestConnectionsHaveALimit). A Direct is for one goroutine, an event loop's: it answers only
// what cannot wait for anything (TestDirectTakesPublishesThatNeedNotWait).
//
// Budget: a publish that nobody listens to does not allocate in the handler,
// once the memory of earlier requests is there to use again (TestPublishAllocates).
//
// Deviations from Reverb, each with its test:
//
//   - connections are kept alive, pipelined requests and chunked bodies are
//     answered and 100-continue is sent (TestSocket);
//   - auth_key has to be the application's (TestSignatureIsChecked);
//   - auth_timestamp is compared with the clock: what is more than 600 s off is
//     logged once a minute, or refused (TestTimestampsAreWarnedOf, TestTimestampsAreEnforced);
//   - a path is accepted whether it was signed with or without the prefix,
//     escaped or not (TestSignedPaths);
//   - a head with a line that ends without CR gets 400 and the connection ends (TestRefusedByTheServer);
//   - a body that is no JSON object gets 400, not 500 (TestBodies);
//   - null counts as absent, and an empty list or object is data (TestBodies);
//   - channel and event names are checked, and one event names at most 100 channels (TestBodies);
//   - a batch holds at most as many events as its application allows, 10 by default (TestBatchLimitIsTheApps);
//   - a channel that is named twice gets the event once (TestPublishReachesSubscribers);
//   - a batch is checked as a whole before any of it goes out (TestBatchIsAllOrNothing);
//   - the attribute cache comes with the seconds that are left of it, also while nobody is
//     there, and only where one channel is asked for (TestCacheIsShown);
//   - info=traffic, which Reverb does not know, shows counters of a channel, never what was said (TestTrafficIsCounted);
//   - while memory is at risk events get 503 with Retry-After, before their signature is looked at
//     (TestPublishIsRefusedWhileMemoryIsAtRisk);
//   - an empty list of channels is {} (TestQueries);
//   - connections counts all connections, subscribed or not (TestQueries);
//   - /app without an upgrade is 426, not 500 (TestRoutes);
//   - /replay.js is the script for pages, with and without the prefix, and so is /app/replay.js
//     while no application has that key (TestScript, TestScriptGivesWayToAnApplication).
package api
