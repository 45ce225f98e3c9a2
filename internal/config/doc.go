// Package config reads everything that a person sets into one struct and
// knows the command line.
//
//   - config.go: Config. Its struct tags are the flags, names, defaults and help.
//   - limits.go: Limits, the settings that each application may have its own value of.
//   - grammar.go: the commands and their help texts, as kong wants them.
//   - parse.go: Parse, from arguments to a checked Config.
//   - sources.go: where a value comes from, and the order of the places.
//   - file.go, file_nodes.go: the config file, resound.yaml: its keys, its ${NAME}, its lines.
//   - history.go: the rules of the config file about what is kept of which channels.
//   - applications.go: the applications of all places, see Config.Apps.
//   - cluster.go, redis_url.go: where servers that are one meet, and under which prefix.
//   - tls.go: certificates and their files, Herd's and Valet's too.
//   - reload.go: Watcher, which reads everything again and says what has changed.
//   - watch.go: notices of changed files, through symbolic links.
//   - check.go: what one value alone cannot tell: half an application, paths, what follows from other settings.
//   - findings.go, findings_env.go, findings_apps.go, findings_history.go, findings_cluster.go: what `resound check` says.
//   - doctor.go: what `resound doctor` is asked for.
//   - import.go, import_convert.go, import_nodes.go: the JSON of Laravel's config('reverb') as a config file.
//   - log.go, top.go: what `resound log` and `resound top` are asked for.
//   - overload.go: how much memory the server may use, and whom it believes where sockets come from.
//   - mappers.go: numbers, seconds, ages, switches, origins and policies from text.
//   - dotenv.go, dotenv_value.go: .env files in the grammar of phpdotenv.
//   - laravel.go: which Laravel project this is; the words of its env().
//   - names.go: names that are known, and the warnings about others.
//   - table.go: what `resound config` prints.
//   - completion.go, man.go: completions of shells and the manual page, from the model of the command line.
//   - version.go: the version line.
//
// docs/CONFIG.md says all of it to people; its tables are written by TestConfigPage.
//
// Invariants. A value comes from the first of flag, environment, .env file,
// config file and default. The environment wins over .env even when it is empty there,
// because Laravel loads the file without overwriting. A value that is empty
// or null counts as not set (REVERB_APP_MAX_CONNECTIONS= is no limit); only
// REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM turns client events off then, as it
// does in Reverb. Parse reads its Options and files, never the state of the
// process. A Config is never changed: a reload makes another, and an application that is as it was is
// handed on as the same *apps.App (TestReloadKeepsWhatIsTheSame). No error, warning or table holds a whole secret unless it was asked for.
//
// Several applications. Those of the config file are served beside the one of
// .env, environment and flags (REVERB_APP_ID and so on). A setting that an entry of the
// file does not have, it takes from the settings around it: a limit at the margin of the file, in .env, in the
// environment or in a flag is for every application that does not say its own.
// With the same id in both places it is one application: what .env, environment and flags say of it wins, its
// key and secret too, with a warning when they differ; the rest stays as the file has it (TestAppsOfFileAndEnv).
// A list of history rules is taken over whole or not at all: an application with a list of its own,
// be it empty, uses only that one, and what a rule of either does not say comes from the application (TestHistoryOfChannels).
// PUSHER_APP_ID and its like count only while nothing else names an application.
//
// Reloads. Only applications change while a server runs; other settings are
// logged as waiting for a restart. A reload that fails in any way, that finds a file
// gone which was there, or that would leave no application, changes nothing (TestReload, TestReloadOfEnv).
// What came out of a pipe (--env-file <(sops -d prod.env)) is kept, not read again.
//
// The .env reader is our own, because the file has to mean here what it means
// to Laravel, down to the last byte of a secret. godotenv, tried on the table
// of TestParseEnvLikePhpdotenv, turns "ab$CD" into "ab", ends `"\""` too early,
// keeps what phpdotenv takes for a comment, refuses a byte order mark, does
// not see the environment in ${NAME}, and says no line number. What differs
// from phpdotenv on purpose:
//
//   - A quote that is never closed is an error; phpdotenv drops the rest of
//     the file without a word (TestParseEnvErrors).
//   - A comment never begins a value of several lines (TestParseEnvLikePhpdotenv).
//   - "export" may stand before a name of one letter, and spaces before a name
//     without a value (TestParseEnvLikePhpdotenv).
//
// Deviations from Reverb. REVERB_MAX_REQUEST_SIZE limits the body of a request
// only and defaults to 1 MiB instead of 10,000: a batch of ten events with
// 10,000 bytes of data each, written as JSON in JSON, takes 100 kB at least
// and 600 kB with every byte escaped as \u00xx, and must pass (TestRequestSizeHoldsABatch). Browsers
// are told port 443 only when REVERB_SCHEME says https; without it they are
// sent to the port that the server listens on, since there is no proxy to
// speak of (TestPublicSide).
package config
