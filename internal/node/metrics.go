package node

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"resound/engine"
	"resound/internal/measure"
)

// maxApps is how many applications have metrics of their own. The others are one, with this name.
const (
	maxApps = 100
	others  = "(others)"
)

// metrics are what Prometheus is told. They are read from the parts of the node when it asks, so they cost nothing else.
type metrics struct{ node *Node }

// newMetrics returns a registry with the node's metrics and those of Go and of the process.
func newMetrics(n *Node) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(metrics{n}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// desc describes a metric. All that there are is this table.
func desc(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc("resound_"+name, help, labels, nil)
	described = append(described, d)
	return d
}

var (
	described []*prometheus.Desc

	descConnections   = desc("connections", "Connections that are open: WebSockets, and kept-alive ones that loops answer.")
	descHTTP          = desc("http_connections", "Connections that the HTTP server has.")
	descLimit         = desc("connections_limit", "Descriptors that connections may use.")
	descDraining      = desc("draining", "1 while the server stops.")
	descAccepted      = desc("accepted_total", "Connections accepted.")
	descUpgraded      = desc("upgraded_total", "Connections that became WebSockets.")
	descRefused       = desc("refused_total", "WebSockets refused before they were a session, by close code.", "code")
	descClosed        = desc("closed_total", "Sessions that the server ended, by close code: 4100 is a slow reader, 4201 no answer to a ping.", "code")
	descMessages      = desc("messages_received_total", "Messages of clients.")
	descReceived      = desc("received_bytes_total", "Bytes read.")
	descSent          = desc("sent_bytes_total", "Bytes that the kernel took.")
	descWrites        = desc("writes_total", "Calls of the kernel to write.")
	descHandshakes    = desc("tls_handshakes_total", "Handshakes of TLS: full, resumed, failed (or not in time), refused (too many were under way), plain (HTTP instead).", "result")
	descShaking       = desc("tls_handshakes_running", "Handshakes of TLS under way.")
	descPings         = desc("pings_total", "Pings sent to connections that were idle.")
	descSlow          = desc("slow_connections", "Connections that do not take what they get.")
	descBacklog       = desc("backlog_bytes", "Bytes that those leave, each counted for each; events are shared in memory.")
	descLevel         = desc("overload_level", "0 is calm; 1: sockets are refused; 2: client events are thinned as well; 3: publishing is refused as well.")
	descEntered       = desc("overload_entered_total", "How often a level was entered.", "level", "reason")
	descShed          = desc("shed_total", "What was refused or dropped to keep the server well.", "what", "reason")
	descMemory        = desc("memory_used_bytes", "Memory in use, without what can be given back: what is compared with the limit below.")
	descMemoryLimit   = desc("memory_limit_bytes", "Limit of that: of the process, or of its control group if that is nearer; 0 is none.")
	descMemoryBound   = desc("memory_bound_bytes", "Memory that the server may use, the kernel's part included; 0 is any.")
	descShort         = desc("descriptors_short", "1 while sockets have all descriptors but those that are kept for publishers.")
	descDropped       = desc("output_lines_dropped_total", "Lines of the server's own log that nobody read fast enough.")
	descOpened        = desc("accept_seconds", "From an accepted connection to the answer to its upgrade; some of all.")
	descParsed        = desc("publication_parse_seconds", "From a whole publish request until its events are ready to go out; one in eight.")
	descPosted        = desc("publication_post_seconds", "From there until they are on their way to the loops, and as safe in the log as durability says; one in eight.")
	descLate          = desc("loop_lag_newest_seconds", "How late each loop came to a task that it was given a moment ago.", "loop")
	descLag           = desc("loop_lag_seconds", "How late loops come to a task that each is given once a second.")
	descTurns         = desc("loop_turn_seconds", "How long a loop works without looking at its sockets.")
	descWaited        = desc("publication_wait_seconds", "From a publication's place in the channel's order until a loop begins with it.")
	descWritten       = desc("publication_written_seconds", "From a publication's place in the channel's order until a loop has written to its last subscriber.")
	descRequests      = desc("http_requests_total", "Requests to the HTTP API, by what was asked and status.", "kind", "status")
	descTook          = desc("http_request_seconds", "From a whole request to its answer, without the wait for either.", "kind")
	descAppSockets    = desc("app_connections", "Connections of an application.", "app")
	descChannels      = desc("app_channels", "Channels that somebody is on or that keep an event.", "app")
	descSubscriptions = desc("app_subscriptions", "Subscriptions.", "app")
	descPublished     = desc("app_published_total", "Events of publishers, one for each channel that one names.", "app")
	descPublishedB    = desc("app_published_bytes_total", "Bytes of their data.", "app")
	descClientEvents  = desc("app_client_events_total", "Client events that were passed on.", "app")
	descDelivered     = desc("app_delivered_total", "Events, one for each connection that got one.", "app")
	descDeliveredB    = desc("app_delivered_bytes_total", "Bytes of their frames.", "app")
	descReplays       = desc("replays_total", "Subscriptions that opted in to replay, by what they got.", "outcome")
	descReplayed      = desc("replayed_events_total", "Events sent from the log.")
	descReplayWaits   = desc("replays_waiting", "Subscriptions and replays that wait for their turn.")
	descTail          = desc("replay_memory_bytes", "Bytes of the newest events in memory.")
	descAppends       = desc("log_appends_total", "Events that went to the log.")
	descAppended      = desc("log_appended_bytes_total", "Bytes of those.")
	descDisk          = desc("log_disk_bytes", "Bytes of the log's files.")
	descStreams       = desc("log_open_channels", "Channels with their log open.")
	descOff           = desc("log_off", "1 while the log does not take events, because of its disk.")
	descFailures      = desc("log_failures_total", "How often the log went off.")
	descBackground    = desc("log_background_errors_total", "What the log could not do beside appending.")
	descJoined        = desc("cluster_joined", "1 while this server and the others hear each other. Without scaling there is none of these.")
	descOthers        = desc("cluster_other_nodes", "Other servers that are there.")
	descClusterOut    = desc("cluster_published_total", "Events that this server has brought to all.")
	descClusterIn     = desc("cluster_received_total", "Messages of the cluster that this server has heard, its own too.")
	descGarbage       = desc("cluster_garbage_total", "Messages that no server with the same secret can have sent. They are ignored.")
	descClusterTime   = desc("cluster_publish_seconds_total", "Time that those took until they had their serials, together.")
	descTrips         = desc("cluster_round_trips_total", "Round trips to Redis that publishes and records took. Several that wait go together.")
	descRetries       = desc("cluster_retries_total", "What was sent to Redis once more because a connection broke.")
	descFull          = desc("cluster_queue_full_total", "Events that did not wait for Redis because too many did.")
	descUnsaid        = desc("cluster_unsaid_total", "Client events and the like that did not reach the other servers.")
	descTopics        = desc("cluster_topics", "Channels and the like that this server hears.")
	descQueue         = desc("cluster_queue_bytes", "Bytes that wait to be sent to Redis.")
	descConnects      = desc("cluster_connections_total", "Connections to Redis that were made, each for a part of the channels.")
	descJoins         = desc("cluster_joins_total", "Times that this server has joined the others.")
	descLogs          = desc("cluster_logs_total", "Logs that were begun because Redis was restarted, empty or another one.")
	descHoles         = desc("cluster_holes_total", "Times that events were not heard, and had to be fetched.")
	descFetched       = desc("cluster_fetched_total", "Events that were fetched.")
	descLost          = desc("cluster_lost_total", "Events that were not heard and could not be fetched, because they were not kept any more.")
	descAlone         = desc("cluster_alone_total", "Events that reached sockets of this server only.")
	descUnkept        = desc("cluster_unkept_total", "Events that reached all servers and could not be kept.")
	descUnmarked      = desc("cluster_unmarked_total", "Events of either kind of which the log could not be told that it lacks them.")
	descIncomplete    = desc("cluster_incomplete_channels", "Channels whose log has to be told yet that it lacks something.")
	descUnread        = desc("cluster_unread_total", "Times that Redis could not be asked about a channel.")
	descSurveys       = desc("cluster_surveys_total", "Questions to the other servers.")
	descSilent        = desc("cluster_silent_total", "Answers of other servers that did not come in time.")
)

// Describe is prometheus.Collector's.
func (metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range described {
		out <- d
	}
}

// Collect is prometheus.Collector's.
func (m metrics) Collect(out chan<- prometheus.Metric) {
	c := collection{out}
	s := m.node.engine.Stats()
	c.engine(s)
	c.tls(s.TLS)
	c.overload(m.node)
	c.api(m.node)
	c.apps(m.node)
	c.replay(m.node)
	c.log(m.node)
	c.cluster(m.node)
}

// collection is one answer under way.
type collection struct{ out chan<- prometheus.Metric }

func (c collection) gauge(d *prometheus.Desc, v float64, labels ...string) {
	c.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (c collection) total(d *prometheus.Desc, v uint64, labels ...string) {
	c.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (c collection) histogram(d *prometheus.Desc, h measure.Counts, labels ...string) {
	buckets, sum := make(map[float64]uint64, len(measure.Bounds)), uint64(0)
	for i, bound := range measure.Bounds {
		sum += h.Buckets[i]
		buckets[bound.Seconds()] = sum
	}
	c.out <- prometheus.MustNewConstHistogram(d, h.Count, h.Sum.Seconds(), buckets, labels...)
}

func truth(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

func (c collection) engine(s engine.Stats) {
	c.gauge(descConnections, float64(s.Sockets))
	c.gauge(descHTTP, float64(s.Requests))
	c.gauge(descLimit, float64(s.Limit))
	c.gauge(descDraining, truth(s.Draining))
	c.gauge(descSlow, float64(s.Slow))
	c.gauge(descBacklog, float64(s.Backlog))
	c.total(descAccepted, s.Accepted)
	c.total(descUpgraded, s.Upgraded)
	c.total(descMessages, s.Messages)
	c.total(descReceived, s.Received)
	c.total(descSent, s.Sent)
	c.total(descWrites, s.Writes)
	c.total(descPings, s.Pings)
	for code, n := range s.Refused {
		c.total(descRefused, n, strconv.Itoa(code))
	}
	for code, n := range s.Closed {
		c.total(descClosed, n, strconv.Itoa(code))
	}
	c.histogram(descOpened, s.Opened)
	var all engine.LoopStats
	for i, l := range s.Loops {
		c.gauge(descLate, l.Late.Seconds(), strconv.Itoa(i))
		all.Lag.Add(l.Lag)
		all.Turns.Add(l.Turns)
		all.Waited.Add(l.Waited)
		all.Written.Add(l.Written)
	}
	c.histogram(descLag, all.Lag)
	c.histogram(descTurns, all.Turns)
	c.histogram(descWaited, all.Waited)
	c.histogram(descWritten, all.Written)
}

func (c collection) tls(s engine.TLSStats) {
	for result, n := range map[string]uint64{
		"full": s.Handshakes - min(s.Resumed, s.Handshakes), "resumed": s.Resumed, "failed": s.Failed, "refused": s.Refused, "plain": s.Plain,
	} {
		c.total(descHandshakes, n, result)
	}
	c.gauge(descShaking, float64(s.Running))
}

func (c collection) overload(n *Node) {
	s := n.governor.Stats()
	c.gauge(descLevel, float64(s.Level))
	for level, by := range s.Entered {
		for reason, count := range by {
			c.total(descEntered, count, level.String(), reason.String())
		}
	}
	for what, by := range s.Shed {
		for reason, count := range by {
			c.total(descShed, count, what.String(), reason.String())
		}
	}
	c.gauge(descMemory, float64(s.Reading.Memory.Used))
	c.gauge(descMemoryLimit, float64(s.Reading.Memory.Limit))
	c.gauge(descMemoryBound, float64(n.meter.Bound().Bytes))
	c.gauge(descShort, truth(s.Short))
	dropped := uint64(0)
	if n.dropped != nil {
		dropped = n.dropped()
	}
	c.total(descDropped, dropped)
}

func (c collection) api(n *Node) {
	s := n.api.Stats()
	for _, r := range s.Requests {
		c.total(descRequests, r.Count, r.Kind, strconv.Itoa(r.Status))
	}
	c.histogram(descParsed, s.Parsed)
	c.histogram(descPosted, s.Published)
	for kind, took := range s.Took {
		c.histogram(descTook, took, kind)
	}
}

// apps tells of each application, of the first maxApps by id: a label for each of ten thousand would be too much for whoever stores them.
func (c collection) apps(n *Node) {
	list := n.engine.Hub().Stats()
	if len(list) > maxApps {
		rest := list[maxApps-1:]
		sum := rest[0]
		sum.ID = others
		for _, a := range rest[1:] {
			sum.Connections += a.Connections
			sum.Channels += a.Channels
			sum.Subscriptions += a.Subscriptions
			sum.Published += a.Published
			sum.PublishedBytes += a.PublishedBytes
			sum.ClientEvents += a.ClientEvents
			sum.Delivered += a.Delivered
			sum.DeliveredBytes += a.DeliveredBytes
		}
		list = append(list[:maxApps-1:maxApps-1], sum)
	}
	for _, a := range list {
		c.gauge(descAppSockets, float64(a.Connections), a.ID)
		c.gauge(descChannels, float64(a.Channels), a.ID)
		c.gauge(descSubscriptions, float64(a.Subscriptions), a.ID)
		c.total(descPublished, a.Published, a.ID)
		c.total(descPublishedB, a.PublishedBytes, a.ID)
		c.total(descClientEvents, a.ClientEvents, a.ID)
		c.total(descDelivered, a.Delivered, a.ID)
		c.total(descDeliveredB, a.DeliveredBytes, a.ID)
	}
}

// replay tells of pages that come back, where something is kept for them.
func (c collection) replay(n *Node) {
	if !n.engine.Hub().Waits() {
		return
	}
	r := n.engine.Hub().ReplayStats()
	for outcome, count := range map[string]uint64{
		"fresh": r.Fresh, "complete": r.Complete, "gap_expired": r.Expired, "gap_limit": r.Limited, "gap_epoch": r.Unproven,
	} {
		c.total(descReplays, count, outcome)
	}
	c.total(descReplayed, r.Events)
	c.gauge(descReplayWaits, float64(r.Waiting))
	c.gauge(descTail, float64(r.TailBytes))
}

// log tells of the log on the disk.
func (c collection) log(n *Node) {
	if n.events == nil {
		return
	}
	s := n.events.Stats()
	c.total(descAppends, s.Appends)
	c.total(descAppended, s.AppendedBytes)
	c.gauge(descDisk, float64(s.DiskBytes))
	c.gauge(descStreams, float64(s.Streams))
	c.gauge(descOff, truth(s.Off))
	c.total(descFailures, s.Failures)
	c.total(descBackground, s.BackgroundErrors)
}

// cluster tells of the other servers, where there can be any.
func (c collection) cluster(n *Node) {
	if n.cluster == nil {
		return
	}
	b := n.cluster.Stats()
	c.gauge(descJoined, truth(b.Joined))
	c.gauge(descOthers, float64(b.Others))
	c.total(descClusterOut, b.Published)
	c.total(descClusterIn, b.Received)
	c.total(descGarbage, b.Garbage)
	c.total(descTrips, b.Trips)
	c.out <- prometheus.MustNewConstMetric(descClusterTime, prometheus.CounterValue, b.Seconds)
	c.total(descRetries, b.Retries)
	c.total(descFull, b.Full)
	c.total(descUnsaid, b.Unsaid)
	c.gauge(descTopics, float64(b.Topics))
	c.gauge(descQueue, float64(b.QueuedBytes))
	c.total(descConnects, b.Connections)
	c.total(descJoins, b.Joins)
	c.total(descLogs, b.Logs)
	c.total(descSurveys, b.Surveys)
	s, _ := n.engine.Hub().ClusterStats()
	c.total(descHoles, s.Holes)
	c.total(descFetched, s.Fetched)
	c.total(descLost, s.Lost)
	c.total(descAlone, s.Alone)
	c.total(descUnkept, s.Unkept)
	c.total(descUnmarked, s.Unmarked)
	c.gauge(descIncomplete, float64(s.Strays))
	c.total(descUnread, s.Unread)
	c.total(descSilent, s.Silent)
}
