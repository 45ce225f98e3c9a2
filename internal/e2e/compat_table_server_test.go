package e2e

// Works that are planned.
const (
	withRedis   = "scaling over Redis"
	withRestart = "`reverb:restart`"
)

var compatServer = compatSection{"Several servers, start and stop", []compatCase{
	{151, "a publish with scaling on", "answered before Redis has it; local sockets too are served by way of Redis", "there is one server", later, withRedis, nil},
	{152, "the frames between servers", "`type`, a serialised PHP object, `payload`, on the channel `reverb`", "there is one server", later, withRedis, nil},
	{153, "questions with scaling on", "waits up to 10 s for all servers, then answers with what came", "there is one server", later, withRedis, nil},
	{154, "one user on two servers", "counted twice", "there is one server", later, withRedis, nil},
	{155, "Redis is down", "publishes pile up in memory; after 60 s the server ends", "there is one server; `REVERB_SCALING_ENABLED` gets a warning", later, withRedis,
		pins{"TestSwitchesThatDoNothingAreWarnedOf"}},
	{156, "`php artisan reverb:restart`", "seen within 5 s; the sockets' TCP connections end", "not seen: restart it with Supervisor or systemd", later, withRestart, nil},
	{157, "SIGINT, SIGTERM, SIGTSTP", "the TCP connections end at once", "a close frame with 1001, answers under way are finished, exit code 0; SIGTSTP suspends, as of any program", improve, "browsers come back after a second, calmly",
		pins{"transcript:drain", "TestDrainSaysGoodbye", "TestSignalsStopIt", "TestProxyPassesTheGoodbyeOn"}},
	{158, "the first line at the start", "`Starting server on {host}:{port}{path} ({hostname})`", "", match, "", pins{"TestBannerFirstLineIsReverbs"}},
	{159, "Pulse", "its recorder asks for `GET connections` of each application", "", match, "", pins{"transcript:api_channels", "TestQueries"}},
	{160, "a certificate of Herd or Valet for `--hostname`", "TLS by itself", "no TLS yet: put a proxy in front", later, "TLS and certificates", nil},
	{161, "a connection ends", "every channel of the application is visited", "its own channels only", refuse, "a page that closes costs what it used", pins{"TestUnsubscribeAll"}},
	{162, "the cache fails while a restart is looked for", "the server ends", "nothing is looked for", later, withRestart + ", which must not be able to end it", nil},
	{163, "`terminate_connections` with scaling on, and somebody without a `user_id`", "by its source every such server ends", "there is one server", later, withRedis, nil},
	{164, "something that is not JSON on the Redis channel", "by its source the server ends", "there is one server", later, withRedis, nil},
	{0, "changed settings, another application", "restart, and everybody reconnects", "effective at once; only the sockets of an application that is gone are closed", improve, "nobody else notices",
		pins{"transcript:reload", "TestSettingsChangeAtOnce", "TestReload", "TestWatch"}},
}}

var compatSettings = compatSection{"Settings", []compatCase{
	{0, "where settings come from", "`config/reverb.php`", "`.env`, the environment and flags, under the same names, and a configuration file", improve, "there is no PHP",
		pins{"TestOrderOfPlaces", "TestOrderOfPlacesWithAConfigFile"}},
	{0, "the port that browsers are told, without `REVERB_PORT`", "443", "443 only with `REVERB_SCHEME=https`, else the port that is listened on", improve, "without a proxy there is nobody on 443",
		pins{"TestPublicSide"}},
	{0, "a name with a typing error", "ignored", "a warning with the nearest known name", improve, "the setting was meant", pins{"TestUnknownNamesAreWarnedOf"}},
}}
