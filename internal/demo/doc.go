// Package demo is what somebody sees who starts the server before an
// application is configured: a page that is plainly alive, an application for
// it to use, and a publisher that keeps it moving. The node runs it only then;
// with one real application configured, nothing of this package is reachable.
//
//   - credentials.go: the demo application, made once and kept in a file.
//   - handler.go: the routes, their methods and the headers of every answer.
//   - page.go, page/: the page itself, embedded; plain HTML, CSS and modules.
//   - request.go: reads what a visitor sends, within its bounds.
//   - auth.go: signs subscriptions to the demo's private and presence channels.
//   - publish.go: what a visitor types, sent through the server's own HTTP API.
//   - client.go: the official Go publisher, pointed at this server.
//   - publisher.go: Run, the publisher's loop.
//   - shop.go: the invented shop whose orders and figures are published.
//
// What the page and others may rely on:
//
//	channel         event             data
//	demo-orders     order.updated     {"id","customer","item","status","total_cents"[,"replaces"]}
//	demo-metrics    metrics.updated   {"at","revenue_cents","orders","visitors"}
//	demo-metrics    metrics.history   {"at","revenue_cents":[],"orders":[],"visitors":[]}, oldest first, one a second
//	demo            demo.message      {"text","name","at"}
//	presence-demo   client-typing     {}, a whisper; the server adds the user_id
//
// Times are Unix milliseconds, money is cents, orders and revenue are per
// minute. An order's status is one of placed, paid, packed, shipped, delivered;
// replaces is the id of the delivered order whose row a new one takes.
//
// Invariants:
//   - Everything is published as a Laravel application would do it: signed, over
//     HTTP, from outside the engine. The package imports nothing of the server
//     but internal/apps, so what the page shows is what an application gets.
//   - The secret is in the file and in the signatures, in no answer and no log.
//   - A signature is given for channels that start with private-demo or
//     presence-demo and for no other.
//   - Everything a visitor can send is bounded in size and in rate, and a page of
//     another origin cannot send it on the visitor's behalf.
//   - The page works offline and under any path prefix, loads nothing from
//     elsewhere, and puts what others wrote into text nodes only.
package demo
