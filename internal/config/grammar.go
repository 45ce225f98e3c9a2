package config

import (
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// grammar is the command line as kong sees it.
type grammar struct {
	Start      startCmd         `cmd:"" help:"Run the server. Needs no flag inside a Laravel project, and none to try it out."`
	Config     configCmd        `cmd:"" help:"Print every effective setting and where it came from."`
	Check      checkCmd         `cmd:"" help:"Check the settings and files, and say what to do about what is wrong."`
	Doctor     doctorCmd        `cmd:"" help:"Check a Laravel project, this machine and the running server before the switch, and say what to do."`
	Apps       appsCmd          `cmd:"" help:"Take over the applications of a Laravel project."`
	Restart    restartCmd       `cmd:"" help:"Let a new process of the running server take over, without closing the port."`
	Top        topCmd           `cmd:"" help:"Watch a running server: applications, busiest channels, how late its loops are."`
	Log        logCmd           `cmd:"" help:"Look at the log of events, and take away from it."`
	Health     healthCmd        `cmd:"" help:"End with 0 if the server that the settings name answers, else with 1."`
	Completion completionCmd    `cmd:"" help:"Print the completion script for a shell."`
	Man        manCmd           `cmd:"" help:"Print the manual page."`
	Version    versionCmd       `cmd:"" help:"Print the version."`
	V          kong.VersionFlag `name:"version" help:"Print the version."`
}

// BeforeResolve reads the .env file: kong calls it once, when it knows the
// command line and before it asks for any setting that is not there.
func (*grammar) BeforeResolve(ctx *kong.Context, src *sources) error { return src.load(ctx) }

type startCmd struct{ Config }

type configCmd struct {
	Config
	JSON        bool `name:"json" help:"Print JSON."`
	ShowSecrets bool `help:"Print secrets whole."`
}

type checkCmd struct {
	Config
	JSON bool `name:"json" help:"Print JSON."`
}

type doctorCmd struct {
	Config
	Dir    string        `name:"project" placeholder:"DIR" help:"The Laravel project. Default: the one around the working directory."`
	URL    string        `name:"url" placeholder:"URL" help:"Where browsers reach the server, such as https://ws.example.com. Default: what the settings say."`
	Idle   time.Duration `placeholder:"SECONDS" type:"seconds" help:"Also watch a silent socket behind that address for so long, to find a proxy that gives up. Default: not at all."`
	JSON   bool          `name:"json" help:"Print JSON."`
	Strict bool          `help:"End with 1 at warnings, too."`
}

type appsCmd struct {
	Import importCmd `cmd:"" help:"Turn the JSON of Laravel's config('reverb') into a config file."`
}

type importCmd struct {
	File    string `arg:"" optional:"" default:"-" help:"The JSON; - is the standard input, and the default."`
	Output  string `short:"o" placeholder:"FILE" help:"The config file to write, readable for its owner only. Default: the standard output."`
	Force   bool   `help:"Replace the config file that is there."`
	Env     bool   `help:"Write $${NAME} for each secret that a name in the .env file has."`
	EnvFile string `placeholder:"FILE" help:"That .env file. Default: that of the Laravel project around the working directory."`
}

type logCmd struct {
	List     logListCmd     `cmd:"" help:"List the channels of which events are kept."`
	Show     logShowCmd     `cmd:"" help:"Show one channel: where it stands, and its events."`
	Truncate logTruncateCmd `cmd:"" help:"Remove events of one channel for good."`
	Compact  logCompactCmd  `cmd:"" help:"Give back the space of what was removed."`
}

type logListCmd struct {
	Files
	App    string `placeholder:"ID" help:"Only channels of that application."`
	Prefix string `placeholder:"TEXT" help:"Only channels whose names begin with it."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

type logShowCmd struct {
	Files
	Channel string `arg:"" help:"Its name."`
	App     string `placeholder:"ID" help:"Its application. Needed if several have a channel of that name."`
	From    uint64 `placeholder:"SERIAL" type:"serial" help:"The first event to show. Default: the newest ones are shown."`
	Limit   int    `placeholder:"N" type:"number" default:"20" help:"How many events, 0 is all of them (default ${default})."`
	Full    bool   `help:"Print the events whole."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

type logTruncateCmd struct {
	Files
	Channel string `arg:"" help:"Its name."`
	App     string `placeholder:"ID" help:"Its application. Needed if several have a channel of that name."`
	Before  uint64 `placeholder:"SERIAL" type:"serial" xor:"what" help:"Remove the events before that one."`
	All     bool   `xor:"what" help:"Remove all events that are there."`
	Yes     bool   `short:"y" help:"Do not ask."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

type logCompactCmd struct {
	Files
	JSON bool `name:"json" help:"Print JSON."`
}

type restartCmd struct{ Files }

// Help is the longer text of `resound restart --help`.
func (restartCmd) Help() string {
	return `The server that runs on the data directory starts a new process: the program as it is on the disk now, with the same arguments and environment. That one reads the whole configuration, gets the port and the log of events, and answers. Then the old one tells its sockets to come back (4200), which they do at once, and ends. Nobody is refused, and pages with the replay line miss nothing.

If anything is wrong with the new one, the old one goes on, this says why, and ends with 1. It ends with 0 when the new one serves.

It has to be the user of the server or root. Sending SIGUSR2 to the server does the same, and logs what comes of it.

Under systemd the unit needs Type=notify. Under Supervisor, and as the first process of a container, the process that was started must not end, so it is refused: stop and start the server instead.

Examples:

	resound restart
	resound restart --data-dir=/var/lib/resound`
}

type topCmd struct {
	Files
	Every    time.Duration `default:"1s" placeholder:"TIME" help:"How long each look takes (default ${default})."`
	Channels int           `type:"number" default:"20" placeholder:"N" help:"How many of the busiest channels to show (default ${default})."`
	Once     bool          `help:"Look once, print it, and end. Always so where the output is no terminal."`
	JSON     bool          `name:"json" help:"Print JSON, one object for each look."`
}

// Help is the longer text of `resound top --help`.
func (topCmd) Help() string {
	return `It asks the server that runs on the data directory, so it needs no port and no password, and it has to be the user of the server or root. Ctrl-C ends it; the server does not notice.

Channels are in the order of what they make the server send: subscriptions × messages × bytes.

Examples:

	resound top
	resound top --data-dir=/var/lib/resound --every=5s
	resound top --once --channels=5
	resound top --json | jq .delivered`
}

// healthCmd takes all flags of start, so that it can be given the same.
type healthCmd struct{ Config }

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

type manCmd struct{}

type versionCmd struct{}

const description = `A drop-in replacement for Laravel Reverb: it listens on the same port, reads the same .env and speaks the same protocol.

Examples:

	resound start                          in a Laravel project: uses its .env
	resound start                          elsewhere: a demo app with a page to look at
	resound start --port=9000 --debug      another port, and every message printed
	resound start --env-file=/srv/shop/.env
	resound start --config=apps.yaml       several applications, reloaded when they change
	resound config                         what is set, and where it came from
	resound check                          what is wrong with it, and what to do
	resound top                            what a running server does just now
	resound doctor                         whether project, machine and proxy are ready for it
	resound log list                       the channels of which events are kept

A setting is taken from the first of: flag, environment, .env file, config file, default.`

// Help is the longer text of `resound start --help`.
func (startCmd) Help() string {
	return `Inside a Laravel project the .env file is read, so that the server comes up where "php artisan reverb:start" did. Without an application (id, key and secret) a demo application is made up.

Examples:

	resound start
	resound start --host=127.0.0.1 --port=6001
	REVERB_APP_ID=1 REVERB_APP_KEY=key REVERB_APP_SECRET=secret resound start

The name in brackets sets the same in the .env file or in the environment.`
}

// Help is the longer text of `resound config --help`.
func (configCmd) Help() string {
	return `Takes the flags of "resound start" and prints what the server would run with. Secrets are masked.

Examples:

	resound config
	resound config --port=9000 --json`
}

// Help is the longer text of `resound check --help`.
func (checkCmd) Help() string {
	return `Takes the flags of "resound start", listens to nothing, and prints a line for each thing that is in order, doubtful or wrong. It ends with 1 when something is wrong. Secrets are never printed.

Examples:

	resound check
	resound check --config=resound.yaml --env-file=/srv/shop/.env --json`
}

// Help is the longer text of `resound doctor --help`.
func (doctorCmd) Help() string {
	return `Takes the flags of "resound start". It says all that "resound check" says, and looks at the packages of the project, at what the page was built with, at the limits of this machine and at what still starts Reverb. When a server runs where the settings say, Resound or Reverb, it subscribes to a channel with a random name, publishes there and waits for the event; through the public address too. Nothing is changed. Each line is ok, a warning, a problem, or not checked and why. It ends with 1 when there is a problem. Secrets are never printed.

Examples:

	resound doctor
	resound doctor --project=/var/www/html --url=https://ws.example.com
	resound doctor --url=https://ws.example.com --idle=40
	resound doctor --strict --json`
}

// Help is the longer text of `resound apps import --help`.
func (importCmd) Help() string {
	return `Reads what Laravel has in config/reverb.php and writes a config file with all applications and the settings of the server. What is printed around the JSON does not matter; what could not be taken over is a comment in the file.

Examples:

	php artisan tinker --execute="echo json_encode(config('reverb'))" | resound apps import -o resound.yaml
	resound apps import reverb.json --env`
}

// Help is the longer text of `resound log --help`.
func (logCmd) Help() string {
	return `What was published is kept in the data directory, so that pages which come back get what they missed. These commands work on the log of a running server, through the server, and on one that nobody runs.

Examples:

	resound log list
	resound log show private-orders.7
	resound log truncate private-orders.7 --before=1200
	resound log compact

They find the data directory as "resound start" does: run them in the Laravel project, or say --data-dir.`
}

// Help is the longer text of `resound log list --help`.
func (logListCmd) Help() string {
	return `Each channel is a line: the epoch, the first and the last serial that is kept, how many events and bytes those are, and the times of the oldest and the newest. The last line has the sums and the size on the disk.

Examples:

	resound log list
	resound log list --app=shop --prefix=private-
	resound log list --json`
}

// Help is the longer text of `resound log show --help`.
func (logShowCmd) Help() string {
	return `The lineage says at which serial each epoch began; an epoch begins when the server was not stopped but ended. Serials that were left out there are no loss.

Examples:

	resound log show private-orders.7
	resound log show private-orders.7 --from=1180 --limit=5 --full
	resound log show orders --app=shop --json`
}

// Help is the longer text of `resound log truncate --help`.
func (logTruncateCmd) Help() string {
	return `It says what it would remove, and asks. Serials are not used again: a page that has not got what is removed is told of a gap when it comes back.

Examples:

	resound log truncate private-orders.7 --before=1200
	resound log truncate private-orders.7 --all --yes`
}

// Help is the longer text of `resound log compact --help`.
func (logCompactCmd) Help() string {
	return `What is removed leaves the disk by and by. This does it at once; the server goes on meanwhile, with more to do for its disk.

Examples:

	resound log compact
	resound log compact --data-dir=/var/lib/resound`
}

// Help is the longer text of `resound health --help`.
func (healthCmd) Help() string {
	return `Asks /up of the server on this machine, for containers and monitors that have no other client at hand. Takes the flags of "resound start", to be given those that the server has. With scaling on it also says how it goes with the other servers; that the server is alone is no reason to end with 1, since it serves on.

Examples:

	resound health
	resound health --port=9000`
}

// Help is the longer text of `resound completion --help`.
func (completionCmd) Help() string {
	return `Examples:

	source <(resound completion bash)
	resound completion zsh > "$${fpath[1]}/_resound"
	resound completion fish > ~/.config/fish/completions/resound.fish`
}

// Help is the longer text of `resound man --help`.
func (manCmd) Help() string {
	return `Examples:

	resound man | man -l -
	resound man > /usr/local/share/man/man1/resound.1`
}

func kongOptions(o Options, src *sources) []kong.Option {
	return []kong.Option{
		kong.Name("resound"),
		kong.Description(description),
		kong.Writers(o.Stdout, o.Stderr),
		kong.Vars{"version": Version()},
		kong.Resolvers(src),
		kong.Bind(src),
		kong.KindMapper(reflect.String, plainText{}),
		kong.NamedMapper("number", number{}),
		kong.NamedMapper("seconds", seconds{}),
		kong.NamedMapper("age", age{}),
		kong.NamedMapper("serial", serial{}),
		kong.NamedMapper("clientevents", clientEvents{}),
		kong.NamedMapper("timestamps", timestamps{}),
		kong.NamedMapper("origins", origins{}),
		kong.NamedMapper("files", files{}),
		kong.NamedMapper("mode", mode{}),
		kong.NamedMapper("switch", onOff{}),
		kong.NamedMapper("memory", memory{}),
		kong.NamedMapper("proxies", proxies{}),
		kong.NamedMapper("addresses", addresses{}),
		kong.ValueFormatter(helpWithEnv),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "listen", Title: "Where it listens:"},
			{Key: "tls", Title: "TLS, and a socket for a proxy:"},
			{Key: "public", Title: "Where browsers find it (the start banner and the printed .env block):"},
			{Key: "app", Title: "The application (none of the three: demo mode):"},
			{Key: "limits", Title: "Limits of the application:"},
			{Key: "history", Title: "What is kept of a channel's events, for pages that come back (of the application):"},
			{Key: "server", Title: "Limits of the server:"},
			{Key: "events", Title: "The log of events, in log of the data directory:"},
			{Key: "cluster", Title: "Several servers as one, over Redis:"},
			{Key: "admin", Title: "For who runs it:"},
			{Key: "files", Title: "Files:"},
			{Key: "log", Title: "Output:"},
		}),
	}
}

// helpWithEnv adds the environment name to the help of a flag.
func helpWithEnv(v *kong.Value) string {
	if v.Flag == nil || len(v.Flag.Envs) == 0 {
		return v.Help
	}
	return strings.TrimSuffix(v.Help, ".") + ". [" + strings.Join(v.Flag.Envs, ", ") + "]"
}
