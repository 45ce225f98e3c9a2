package e2e

var compatWhispers = compatSection{"Client events and rate limits", []compatCase{
	{90, "a member whispers", "the others get `event`, `channel`, `data`; public channels too", "", match, "",
		pins{"transcript:client_event", "TestClientEventReachesTheOthers", "TestPublisherEvents"}},
	{91, "a whisper of somebody with a `user_id`", "`user_id` is added with its type", "", match, "", pins{"transcript:client_event", "transcript:client_event_user", "TestClientEventUser"}},
	{92, "no `data`", "passed on with `\"data\":null`", "", match, "", pins{"transcript:client_event", "TestPublisherEvents"}},
	{93, "`data` that is no object and no list", "4200; a string with an object in it is decoded", "any JSON is passed on as it came", improve, "what one page says is what the others hear",
		pins{"transcript:client_event", "TestClientEventKeepsAnyData"}},
	{94, "whispering without a subscription", "4009 `The client is not a member of the specified channel.`", "", match, "", pins{"transcript:client_event_refused", "TestClientEventPolicies"}},
	{95, "client events are off", "4301 `The app does not have client messaging enabled.`", "", match, "", pins{"transcript:client_event_off", "TestClientEventPolicies"}},
	{96, "an event that is not `client-…`, with a channel", "ignored", "", match, "", pins{"transcript:client_event_refused", "TestClientEventPolicies"}},
	{97, "the same without a channel", "4200", "", match, "", pins{"transcript:client_event_refused", "TestClientEventPolicies"}},
	{98, "`accept_client_events_from` is `all`", "the whole object is passed on, and a `channels` list in it reaches all of those", "the one channel that is named, with four members only", refuse,
		"anybody could speak on any number of channels", pins{"transcript:client_event_all", "TestClientEventFromAll"}},
	{99, "the setting is missing", "`all`", "`members`", improve, "the default that Reverb's own configuration file has", pins{"TestTableGolden", "transcript:client_event_refused"}},
	{100, "several applications", "membership is looked up in the one that was used last", "in the socket's own", refuse, "applications must not see each other", pins{"TestClientEventStaysInItsApplication", "TestApplicationsAreApart"}},
	{101, "more messages than the rate limit", "4301 `Rate limit exceeded` for every message beyond, pings too; the connection stays",
		"the same; pings, and the channels that a page subscribes as it comes, are not counted", improve, "a busy page must not be pinged to death",
		pins{"transcript:rate_limit", "TestBucket"}},
	{102, "the same with `terminate_on_limit`", "the TCP connection ends before the error is written", "the error, then a close frame with 4301", improve, "the page learns why, and stays away",
		pins{"transcript:rate_limit_terminates"}},
	{0, "the `user_id` of unsigned `channel_data`", "passed on", "only one that was signed", refuse, "anybody could speak as anybody", pins{"TestClientEventUser"}},
}}

var compatUsers = compatSection{"What Pusher has beyond Reverb", []compatCase{
	{0, "`pusher:signin`", "4200", "the signature is checked; `pusher:signin_success`, or the error 4009, and the connection stays", improve, "as Pusher", pins{"transcript:signin", "TestSignIn", "TestSignInIsVerified"}},
	{0, "an event to `#server-to-user-7`", "a public channel like any other", "every socket of the user 7 who has signed in gets it", improve, "as Pusher", pins{"transcript:signin"}},
	{0, "a `watchlist` in what was signed", "none", "who is online, then who comes and goes, as `pusher_internal:watchlist_events`; at most 100 users", improve, "as Pusher, in the form that pusher-js reads",
		pins{"transcript:watchlist", "TestWatchlist", "TestWatchlistLimit"}},
	{0, "how many are on a channel", "not told", "`pusher_internal:subscription_count`, where the setting is on", improve, "as Pusher", pins{"transcript:subscription_count", "TestSubscriptionCount"}},
}}
