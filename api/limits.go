package api

import "time"

// Limits of the HTTP side. Those of events are protocol's; those an operator sets come with Options.
const (
	// maxMessages is how many fields a 422 complains about. Where batches may
	// be large, one of empty items would otherwise get an answer of megabytes.
	maxMessages = 100

	// maxArgs is how many query parameters a request may have. A publisher
	// sends at most eight; each is looked up among those before it.
	maxArgs = 100

	// unsignedBody is how many bytes the body of a request may have whose head is not signed. fasthttp makes room for
	// all that a head promises before any of it has come: with maxConnections of these that are 128 MB at most.
	unsignedBody = 32 << 10

	// maxEcho is how many bytes of a request an error text repeats: enough to
	// recognise an id or a path, too little to fill somebody's log.
	maxEcho = 120

	// maxHead is the longest request head in bytes, and the size of a
	// connection's read buffer. On localhost a browser brings the cookies of
	// every project of the developer along: 8 KB is not enough.
	maxHead = 16 << 10

	// maxConnections is how many HTTP connections are served at once. Each has
	// a goroutine and a read buffer, about 24 KB: 100 MB at most. Publishers
	// keep few connections; what is above takes the place of one on which
	// nothing happens, or gets a 503 that says so.
	maxConnections = 4096

	// maxLooks is how many connections are looked at for one that can go when there are maxConnections. If a tenth of all is
	// kept, one time in a thousand none is found, and who comes is told to come again.
	maxLooks = 64

	// readTimeout is how long one request may take to arrive, head and body.
	// pusher-http-php gives up its connect after 10 s.
	readTimeout = 10 * time.Second

	// writeTimeout is how long one answer may take to be taken. Lists of
	// channels can be megabytes.
	writeTimeout = 30 * time.Second

	// idleTimeout is how long a connection waits for its next request: longer
	// than nginx keeps its upstream connections (60 s), so that nginx closes
	// first and never meets a connection that we are just closing.
	idleTimeout = 75 * time.Second

	// publishRetry is what Retry-After says to a publisher while memory is at risk, in seconds: as long as a level lasts at least.
	publishRetry = "5"

	// arrivalTime is how long a connection that was accepted just before a
	// shutdown has until its first byte is read. The request of one that the
	// reactor hands over is there already; this is for its goroutine to begin.
	arrivalTime = 100 * time.Millisecond

	// passTimeout is how long the process that has taken over may take to answer a request that came here: as long as
	// publishers wait by default.
	passTimeout = 30 * time.Second

	// vacatedPoll is how often a server that is left looks whether connections are left.
	vacatedPoll = 10 * time.Millisecond

	// warnInterval is how often the log tells that an application's publishers
	// and the server disagree about the time: each of their requests shows it.
	warnInterval = time.Minute

	// lingerTime and lingerBytes bound how long we read on after refusing a
	// request whose body is still coming. A close with unread bytes resets the
	// connection, and the publisher would see that instead of the reason.
	lingerTime  = time.Second
	lingerBytes = 64 << 20
)
