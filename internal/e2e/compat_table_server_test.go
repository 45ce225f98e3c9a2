package e2e

// oneServer is what becomes of REVERB_SCALING_ENABLED today.
const oneServer = "there is one server, and `REVERB_SCALING_ENABLED` gets a warning"

var compatServer = compatSection{"Several servers, start and stop", []compatCase{
	{151, "a publish with scaling on", "answered before Redis has it; local sockets too are served by way of Redis", "answered when every loop has it, and served at once: " + oneServer, improve, "nobody waits for a Redis",
		pins{"transcript:publish", "TestScalingSettings"}},
	{152, "the frames between servers", "`type`, a serialised PHP object, `payload`, on the channel `reverb`", "none: " + oneServer, refuse, "a serialised object from the network is code that runs",
		pins{"TestScalingSettings"}},
	{153, "questions with scaling on", "waits up to 10 s for all servers, then answers with what came", "answered at once, for this server: " + oneServer, improve, "a question must not wait for one that is gone",
		pins{"transcript:api_channels", "TestScalingSettings"}},
	{154, "one user on two servers", "counted twice", "counted once, on however many loops: " + oneServer, refuse, "a user is one",
		pins{"transcript:presence_several_sockets", "TestScalingSettings"}},
	{155, "Redis is down", "publishes pile up in memory; after 60 s the server ends", "no Redis is asked: " + oneServer, refuse, "what is not there cannot end the server",
		pins{"TestScalingSettings"}},
	{156, "`php artisan reverb:restart`", "seen within 5 s; the sockets' TCP connections end", "not seen: it is a key in Laravel's cache; deployments call `resound restart`, see [Restart](OPERATIONS.md#restart)", refuse, "the server does not depend on the application's cache",
		pins{"TestHandOver"}},
	{157, "SIGINT, SIGTERM, SIGTSTP", "the TCP connections end at once", "a close frame with 1001, or 4200 where the listening socket lasts, slice by slice within `--drain`; answers under way are finished, exit code 0; SIGTSTP suspends, as of any program", improve, "browsers come back after a second, calmly",
		pins{"transcript:drain", "TestDrainSaysGoodbye", "TestDrainInSlices", "TestDrainCodes", "TestSignalsStopIt", "TestProxyPassesTheGoodbyeOn"}},
	{158, "the first line at the start", "`Starting server on {host}:{port}{path} ({hostname})`", "", match, "", pins{"TestBannerFirstLineIsReverbs"}},
	{159, "Pulse", "its recorder asks for `GET connections` of each application", "", match, "", pins{"transcript:api_channels", "TestQueries"}},
	{160, "a certificate of Herd or Valet for `--hostname`", "TLS by itself", "", match, "", pins{"TestCertificatesOfHerdAndValet", "TestValetsCertificateIsFound"}},
	{0, "certificates that are renewed", "served after a restart", "served from the next handshake on; no connection is touched, and a pair that does not fit changes nothing", improve, "a restart costs all connections",
		pins{"TestCertificatesAreReloaded"}},
	{0, "plain HTTP on a port of TLS", "closed", "400, then closed", improve, "whoever mixed them up reads why", pins{"TestPlainOnTLSAndTLSOnPlain"}},
	{0, "TLS and plain HTTP at the same time", "not possible", "`--tls-port`, and `--unix-socket` for a proxy on the same machine", improve, "a proxy and browsers can both come",
		pins{"TestPlainAndTLSTogether", "TestPlainTLSAndUnixTogether", "TestProxyOverAUnixSocket"}},
	{161, "a connection ends", "every channel of the application is visited", "its own channels only", refuse, "a page that closes costs what it used", pins{"TestUnsubscribeAll"}},
	{162, "the cache fails while a restart is looked for", "the server ends", "nothing is looked for, so nothing can fail", refuse, "a cache must not be able to end the server",
		pins{"TestSignalsStopIt"}},
	{163, "`terminate_connections` with scaling on, and somebody without a `user_id`", "by its source every such server ends", "who has no `user_id` is not asked for one: " + oneServer, refuse, "one socket must not end a server",
		pins{"transcript:terminate", "TestScalingSettings"}},
	{164, "something that is not JSON on the Redis channel", "by its source the server ends", "no such channel is read: " + oneServer, refuse, "garbage must not end a server",
		pins{"TestScalingSettings"}},
	{0, "`GET /up` on a kept connection while the server stops", "no answer: the connection has ended", "503, `{\"health\":\"DRAINING\"}`", improve, "a load balancer learns it",
		pins{"TestHealthWhileDraining"}},
	{0, "changed settings, another application", "restart, and everybody reconnects", "effective at once; only the sockets of an application that is gone are closed", improve, "nobody else notices",
		pins{"transcript:reload", "TestSettingsChangeAtOnce", "TestReload", "TestWatch"}},
	{0, "memory runs short, or a loop stays a second late", "more and more is taken until the process ends", "new sockets get HTTP 503; then client events are thinned to one a second of each connection (4301) and counts are told every five seconds; then, for memory only, publishing gets 503, replays wait and slow readers may leave an eighth (4100)", improve,
		"who is there is served on, and the server lives", pins{"TestMemoryRunsShort", "TestLevels", "TestLevelsDoNotFlap", "TestSocketsAreRefused", "TestLagRefusesSockets", "TestClientEventsAreThinned", "TestCountsAreToldLessOften", "TestPublishIsRefusedWhileMemoryIsAtRisk", "TestReplaysWaitWhileMemoryIsAtRisk", "TestSlowReadersAreLetGo"}},
	{0, "sockets of one address", "any number", "any number, or by settings so many at a time and so many a second; beyond, HTTP 429", improve,
		"one address cannot take the place of all others", pins{"TestAddressesHaveARate", "TestAddressRate", "TestSocketsOfAnAddress", "TestAddressesAreForgotten"}},
	{0, "which address that is behind a proxy", "not asked", "what a trusted proxy says: its rightmost address that is no proxy's", improve, "what a client writes itself says nothing",
		pins{"TestClientBehindProxies", "TestAddressesHaveARate", "TestAddressesBehindNginx", "TestAddressKey"}},
}}

var compatSettings = compatSection{"Settings", []compatCase{
	{0, "where settings come from", "`config/reverb.php`", "`.env`, the environment and flags, under the same names, and a configuration file", improve, "there is no PHP",
		pins{"TestOrderOfPlaces", "TestOrderOfPlacesWithAConfigFile"}},
	{0, "the port that browsers are told, without `REVERB_PORT`", "443", "443 only with `REVERB_SCHEME=https`, else the port that is listened on", improve, "without a proxy there is nobody on 443",
		pins{"TestPublicSide"}},
	{0, "a name with a typing error", "ignored", "a warning with the nearest known name", improve, "the setting was meant", pins{"TestUnknownNamesAreWarnedOf"}},
}}
