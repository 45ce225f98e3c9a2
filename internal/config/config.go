package config

import (
	"time"

	"resound/internal/apps"
)

// Config is everything a person sets, read and checked. It is plain data and
// is not changed after Parse, so any goroutine may read it.
//
// The struct tags are the command line: kong reads names, defaults and help
// from them, and `env` lists the names in a .env file or in the environment.
type Config struct {
	Host string `group:"listen" placeholder:"ADDR" default:"0.0.0.0" env:"REVERB_SERVER_HOST" help:"Address to listen on."`
	Port int    `group:"listen" placeholder:"PORT" type:"number" max:"65535" default:"8080" env:"REVERB_SERVER_PORT" help:"TCP port to listen on; 0 lets the system choose one."`
	// Path is "" or "/prefix", never with a slash at its end.
	Path  string `group:"listen" placeholder:"PATH" env:"REVERB_SERVER_PATH" help:"Prefix before /app and /apps, if a proxy passes one on. Default: none."`
	Loops int    `group:"listen" placeholder:"N" type:"number" max:"256" default:"0" zero:"one for each core" env:"RESOUND_LOOPS" help:"Event loops. Default: one for each core."`

	TLS

	// Hostname, PublicPort and Scheme are where browsers find the server. They do not change what it listens on.
	Hostname   string `group:"public" placeholder:"NAME" env:"REVERB_HOST" help:"Host name that browsers use."`
	PublicPort int    `group:"public" placeholder:"PORT" type:"number" max:"65535" env:"REVERB_PORT" help:"Port that browsers use. Default: 443 for https, else the value of --port."` // never 0 after Parse, unless Port is
	Scheme     string `group:"public" enum:"http,https" default:"http" placeholder:"http|https" env:"REVERB_SCHEME" help:"Whether browsers come over TLS."`

	// AppID, AppKey and AppSecret are all set, or all empty: without an application of .env, environment and flags.
	AppID     string `group:"app" file:"-" placeholder:"ID" env:"REVERB_APP_ID" alt:"PUSHER_APP_ID" help:"Id of the application."`
	AppKey    string `group:"app" file:"-" placeholder:"KEY" env:"REVERB_APP_KEY" alt:"PUSHER_APP_KEY" help:"Key of the application; browsers know it."`
	AppSecret string `group:"app" file:"-" placeholder:"SECRET" secret:"true" env:"REVERB_APP_SECRET" alt:"PUSHER_APP_SECRET" help:"Secret of the application. On a command line other users of the machine can see it: prefer .env."`

	// Limits are those of the application above, and of every other that does not say its own.
	Limits

	// MaxRequestSize defaults to far more than Reverb's 10,000: see doc.go.
	MaxRequestSize int `group:"server" placeholder:"BYTES" type:"number" min:"1" default:"1048576" env:"REVERB_MAX_REQUEST_SIZE" help:"Bytes of the body of one HTTP request (default ${default})."`
	Backlog        int `group:"server" placeholder:"BYTES" type:"number" min:"1" default:"1048576" env:"RESOUND_BACKLOG" help:"Bytes that a socket may leave unread before it is closed with 4100, beside about a megabyte that stands in for the buffers of the kernel (default ${default})."`
	// Drain is how long a stop may take.
	Drain time.Duration `group:"server" placeholder:"SECONDS" type:"seconds" default:"10" zero:"all at once" env:"RESOUND_DRAIN" help:"How long a stop may take. Sockets are closed in slices, at least 1,000 a second, so that not all pages come back in the same moment; a small server stops at once. Supervisor and systemd have to wait longer before they kill. 0 closes all at once (default 10)."`

	// MemoryLimit is "auto", "off" or a number of bytes: see MemoryBytes.
	MemoryLimit           string `group:"server" placeholder:"BYTES|auto|off" type:"memory" default:"auto" env:"RESOUND_MEMORY_LIMIT" help:"Memory that the server may use, in bytes or as in 512MiB; it refuses work before that is gone. auto is the limit of its control group (container, systemd unit), else the memory of the machine (default ${default})."`
	ConnectionRate        int    `group:"server" placeholder:"N" type:"number" max:"100000" default:"0" zero:"no limit" env:"RESOUND_CONNECTION_RATE" help:"New sockets a second from one address, and ten times as many at once. Default: no limit."`
	ConnectionsPerAddress int    `group:"server" placeholder:"N" type:"number" default:"0" zero:"no limit" env:"RESOUND_CONNECTIONS_PER_ADDRESS" help:"Sockets of one address at the same time. Default: no limit."`
	// TrustedProxies is clean after Parse: see Proxies.
	TrustedProxies []string `group:"server" placeholder:"CIDR,..." type:"proxies" env:"RESOUND_TRUSTED_PROXIES" help:"Proxies whose X-Forwarded-For, X-Real-IP or Forwarded says where a socket comes from: addresses and networks, unix for sockets of the file system, PRIVATE_SUBNETS, or * for whoever connects. Default: none."`

	Durability   string `group:"events" enum:"async,process,disk,off" default:"process" placeholder:"async|process|disk|off" env:"RESOUND_DURABILITY" help:"What an event that was acknowledged to its publisher survives. process: the end of this process, also kill -9. disk: that of the machine, too, for a write to the disk each time. async: a clean stop only, and pages are told of a gap after any other. off: nothing is stored and nothing is replayed (default ${default})."`
	ReplayMemory int    `group:"events" placeholder:"BYTES" type:"number" max:"1099511627776" default:"67108864" zero:"all is read from the disk" env:"RESOUND_REPLAY_MEMORY" help:"Memory for the newest events of all channels, so that those who come back at once do not all read the disk (default ${default})."`

	Cluster

	// AdminAddress is "" or host:port of another port than Port.
	AdminAddress string `group:"admin" placeholder:"HOST:PORT" env:"RESOUND_ADMIN_ADDRESS" help:"Serve Prometheus metrics (/metrics), whether more connections should come here (/ready), the level of the log (/log-level) and profiles (/debug/pprof/) on a port of their own, such as 127.0.0.1:9600. Default: nowhere."`
	AdminToken   string `group:"admin" placeholder:"TOKEN" secret:"true" env:"RESOUND_ADMIN_TOKEN" help:"What requests to that port must have in the header Authorization: Bearer. It has to be set where other machines can reach the port."`

	// Files are where things lie.
	Files

	LogFormat string `group:"log" enum:"auto,text,json" default:"auto" placeholder:"auto|text|json" env:"RESOUND_LOG_FORMAT" help:"Form of the log; auto is text on a terminal and json elsewhere."`
	LogLevel  string `group:"log" enum:"debug,info,warn,error" default:"info" placeholder:"debug|info|warn|error" env:"RESOUND_LOG_LEVEL" help:"Least important level that is logged (default ${default})."`
	Debug     bool   `group:"log" help:"Print the stream of messages as they pass, as reverb:start --debug does."`

	// Project is the root of the Laravel project around the working directory, or "".
	Project string `kong:"-"`
	// Settings has one entry for each setting, in the order of the fields above.
	Settings []Setting `kong:"-"`
	// Warnings are single lines for the person who started the server.
	Warnings []string `kong:"-"`

	served []application               // see Apps
	places []string                    // every path where a file was or would have been read
	sums   fingerprint                 // of the files that were read
	again  func() (*Invocation, error) // the same Parse, with the files as they are now
}

// Files is where a server keeps what it keeps, and what says where that is.
type Files struct {
	// DataDir is absolute.
	DataDir string `group:"files" placeholder:"DIR" env:"RESOUND_DATA_DIR" help:"Directory of what the server keeps. Default: storage/resound of the Laravel project, else resound-data."`
	// ConfigFile is the absolute path of the config file that was read, or "".
	ConfigFile string `name:"config" group:"files" placeholder:"FILE" file:"-" env:"RESOUND_CONFIG" help:"The config file to read. Default: resound.yaml of the Laravel project or of the working directory, if it is there."`
	// EnvFile is the absolute path of the .env file that was read, or "".
	EnvFile string `group:"files" placeholder:"FILE" file:"-" help:"The .env file to read. Default: that of the Laravel project around the working directory."`
}

// Setting is one row of what `resound config` prints.
type Setting struct {
	Name   string // the flag without its dashes
	Env    string // the name in .env and in the environment, or "" if it has only a flag
	Value  string // the effective value as text; whole even when Secret
	Note   string // what the value means where its text does not say so, or ""
	Source string // "default", "flag --x", "environment X" or "path:line"; with X behind it for a name of Pusher
	Secret bool   // to be masked wherever it is shown

	group string // of the flag
	url   bool   // only a part of it is secret
}

// Apps returns the applications to serve, each valid, with no id and no key
// twice: first that of .env, environment and flags, then those of the config
// file. None means demo mode. The slice is the caller's, the applications are not to be changed.
func (c *Config) Apps() []*apps.App {
	var list []*apps.App
	for _, a := range c.served {
		list = append(list, a.app)
	}
	return list
}

// NewApp returns an application with these credentials and the configured
// limits. Demo mode uses it for the application that it makes up.
func (c *Config) NewApp(id, key, secret string) *apps.App { return c.Limits.app(id, key, secret) }

// LogDir is where the log of events lies.
func (c *Config) LogDir() string { return logDir(c.DataDir) }

// PublicHost is the host name for browsers: Hostname, or "localhost" without one.
func (c *Config) PublicHost() string {
	if c.Hostname == "" {
		return "localhost"
	}
	return c.Hostname
}
