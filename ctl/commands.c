/* The command table: what ctl can do, in the order in which help shows it. */
#include "ctl/command.h"

#include <string.h>

#include "ctl/handlers.h"
#include "lib/strbuf.h"

#define REASON                                                                                                                   \
        {                                                                                                                        \
                "reason", 'm', VALUE_TEXT, "TEXT", false, "why, for the history"                                                 \
        }
#define LIMIT(n)                                                                                                                 \
        {                                                                                                                        \
                "limit", 'n', VALUE_COUNT, "N", false, "how many to list, newest first; 0: all (default " n ")"                  \
        }

const char *const group_titles[GROUP_COUNT] = {
        [GROUP_MODELS] = "Models and versions",
        [GROUP_ROLLOUTS] = "Rollouts",
        [GROUP_ACCESS] = "Access",
        [GROUP_SELF] = "ctl itself",
};

const struct command commands[] = {
        {
                .words = "push",
                .group = GROUP_MODELS,
                .summary = "upload files and register them as the model's next version",
                .text = "Hashes the files first and sends only those that the registry does not have. Prints the version's number. "
                        "Pushing the same files with the same metadata again changes nothing and says which version they are.\n"
                        "Each FILE is stored under its own name, or under PATH after an equals sign.\n"
                        "Inside a Git checkout the commit, the branch, the remote's address (without credentials) and whether "
                        "tracked files had uncommitted changes are recorded as metadata.git. Metadata is part of a version's "
                        "digest: the same files from another commit are another version. --no-git leaves it out.",
                .example = "ctl push credit model.ubj --meta auc:=0.91 --alias candidate",
                .role = "writer",
                .args = { { "MODEL", VALUE_NEW_MODEL }, { "FILE[=PATH]", VALUE_FILE, .many = true } },
                .flags = {
                        { "alias", 'a', VALUE_ALIAS, "ALIAS", true, "point this alias at the version; needs the role deployer too" },
                        { "meta", 0, VALUE_PAIR, "KEY=TEXT|KEY:=JSON", true, "one member of the metadata" },
                        { "description", 'd', VALUE_TEXT, "TEXT", false, "a sentence about this version" },
                        { "no-git", 0, VALUE_NONE, NULL, false, "do not record the Git commit" },
                        { "no-create", 0, VALUE_NONE, NULL, false, "fail if the model does not exist, instead of creating it" },
                },
                .run = push_run,
        },
        {
                .words = "pull",
                .group = GROUP_MODELS,
                .summary = "download a version's files",
                .text = "Into DIR, or a new folder MODEL-NUMBER. Every digest is verified before a file gets its name; files that "
                        "are there already are not fetched again, and a transfer that broke off goes on where it stopped. A file of "
                        "the same name with other contents, such as that of another version, is replaced; a line on standard "
                        "error says so. Other files in DIR stay.",
                .example = "ctl pull credit @champion /srv/credit",
                .role = "reader",
                .args = { { "MODEL", VALUE_MODEL }, { "VERSION|@ALIAS", VALUE_REF }, { "DIR", VALUE_FOLDER, .optional = true } },
                .run = pull_run,
        },
        {
                .words = "models",
                .group = GROUP_MODELS,
                .summary = "list the models, or show one",
                .example = "ctl models",
                .role = "reader",
                .args = { { "MODEL", VALUE_MODEL, .optional = true } },
                .run = models_run,
        },
        {
                .words = "versions",
                .group = GROUP_MODELS,
                .summary = "list a model's versions, or show one with its files and metadata",
                .example = "ctl versions credit @champion",
                .role = "reader",
                .args = { { "MODEL", VALUE_MODEL }, { "VERSION|@ALIAS", VALUE_REF, .optional = true } },
                .flags = { LIMIT("50") },
                .run = versions_run,
        },
        {
                .words = "alias",
                .group = GROUP_MODELS,
                .summary = "list, show, set or delete a model's aliases",
                .text = "With MODEL: list. With NAME: show. With VERSION: set, which needs the role deployer, as --delete does.\n"
                        "--if-revision makes it compare-and-set: it fails when somebody moved the alias in between. "
                        "--if-revision 0 means that the alias must not exist yet.",
                .example = "ctl alias credit champion 2 --reason \"passed the review\"",
                .role = "reader",
                .args = { { "MODEL", VALUE_MODEL },
                          { "NAME", VALUE_ALIAS, .optional = true },
                          { "VERSION|@ALIAS", VALUE_REF, .optional = true } },
                .flags = {
                        { "if-revision", 0, VALUE_COUNT, "N", false, "only if the alias is at this revision" },
                        { "delete", 0, VALUE_NONE, NULL, false, "delete the alias NAME" },
                        { "history", 0, VALUE_NONE, NULL, false, "where NAME pointed before, newest first" },
                        REASON,
                        LIMIT("20"),
                },
                .run = alias_run,
        },
        {
                .words = "rollout start",
                .group = GROUP_ROLLOUTS,
                .summary = "move traffic to a version, step by step",
                .text = "The policy says which steps there are, how long each is held and what stops it. The first version of a "
                        "model goes straight to 100 %.\n"
                        "With --watch it stays until the rollout ends: exit code 0 when it is done, 7 when it was rolled back.",
                .example = "ctl rollout start credit 2 --policy canary --watch",
                .role = "deployer",
                .args = { { "TARGET", VALUE_TARGET }, { "VERSION|@ALIAS", VALUE_REF } },
                .flags = {
                        { "policy", 'p', VALUE_POLICY, "POLICY", false, "how it goes; see ctl policies" },
                        { "watch", 'w', VALUE_NONE, NULL, false, "follow it to its end" },
                        REASON,
                },
                .run = rollout_start,
        },
        {
                .words = "rollout status",
                .group = GROUP_ROLLOUTS,
                .summary = "show all rollouts, or one with its verdict and window",
                .text = "On one machine a TARGET is called as its model. On Kubernetes it is a ModelRollout: NAMESPACE.NAME, or NAME alone "
                        "while only one is called so.",
                .example = "ctl rollout status credit",
                .role = "reader",
                .args = { { "TARGET", VALUE_TARGET, .optional = true } },
                .run = rollout_status,
        },
        {
                .words = "rollout watch",
                .group = GROUP_ROLLOUTS,
                .summary = "follow a rollout to its end",
                .text = "Exit code 0 when it is done, 7 when it was rolled back. A broken connection is made again. Ctrl-C ends "
                        "the watching, not the rollout.\n"
                        "On a terminal it draws the steps; otherwise it prints a line for each change, and with -o json the "
                        "rollout as one line of JSON.",
                .example = "ctl rollout watch credit",
                .role = "reader",
                .args = { { "TARGET", VALUE_TARGET } },
                .run = rollout_watch,
        },
        {
                .words = "rollout pause",
                .group = GROUP_ROLLOUTS,
                .summary = "stay at the present weight until resumed",
                .text = "The gates are still watched while it is paused: a breach rolls back.",
                .example = "ctl rollout pause credit --reason \"waiting for the fraud team\"",
                .role = "deployer",
                .args = { { "TARGET", VALUE_TARGET } },
                .flags = { REASON },
                .run = rollout_pause,
        },
        {
                .words = "rollout resume",
                .group = GROUP_ROLLOUTS,
                .summary = "go on after a pause",
                .example = "ctl rollout resume credit",
                .role = "deployer",
                .args = { { "TARGET", VALUE_TARGET } },
                .flags = { REASON },
                .run = rollout_resume,
        },
        {
                .words = "rollout promote",
                .group = GROUP_ROLLOUTS,
                .summary = "end this step's hold now, or go straight to 100 %",
                .example = "ctl rollout promote credit --full",
                .role = "deployer",
                .args = { { "TARGET", VALUE_TARGET } },
                .flags = { { "full", 0, VALUE_NONE, NULL, false, "skip all remaining steps" }, REASON },
                .run = rollout_promote,
        },
        {
                .words = "rollout retry",
                .group = GROUP_ROLLOUTS,
                .summary = "try again the rollout that was rolled back or given up",
                .text = "The same version by the same policy, from its first step, with fresh evidence. On Kubernetes this is how a "
                        "version is tried again without changing the ModelRollout.",
                .example = "ctl rollout retry credit --watch",
                .role = "deployer",
                .args = { { "TARGET", VALUE_TARGET } },
                .flags = { { "watch", 'w', VALUE_NONE, NULL, false, "follow it to its end" }, REASON },
                .run = rollout_retry,
        },
        {
                .words = "rollout abort",
                .group = GROUP_ROLLOUTS,
                .summary = "stop a rollout and put all traffic back on the stable version",
                .example = "ctl rollout abort credit --reason \"wrong version\"",
                .role = "deployer",
                .args = { { "TARGET", VALUE_TARGET } },
                .flags = { REASON },
                .run = rollout_abort,
        },
        {
                .words = "rollback",
                .group = GROUP_ROLLOUTS,
                .summary = "put the traffic back on an older version, at once",
                .text = "During a rollout: back to the stable version. Otherwise: to the previous version, or with --to to any "
                        "version that is still in the window (see ctl rollout status). It is one request, and when it returns the "
                        "new weights stand. It is never sent twice by itself: after a timeout look at ctl rollout status first.\n"
                        "On Kubernetes, TARGET is [NAMESPACE.]NAME of a ModelRollout. If rolloutd does not answer within a second and "
                        "there is a kubeconfig, ctl does it itself, with your rights in the cluster: it marks the ModelRollout, so "
                        "that rolloutd takes the rollback over when it is back, and writes the weights of the HTTPRoute. That needs "
                        "the verbs get and patch on modelrollouts and httproutes (and services, if the route is adopted), get on "
                        "deployments and patch on their scale; the chart's ClusterRole sluice-oncall has them. If the API server refuses or is away, the commands for kubectl are printed.",
                .example = "ctl rollback credit --reason \"complaints from the branch offices\"",
                .role = "deployer",
                .args = { { "TARGET", VALUE_TARGET } },
                .flags = {
                        { "to", 0, VALUE_RELEASE, "N", false, "to this version; where there are several ways to run it, as 7.1" },
                        REASON,
                        { "direct", 0, VALUE_NONE, NULL, false, "straight at the cluster, without asking rolloutd" },
                        { "dry-run", 0, VALUE_NONE, NULL, false, "print what kubectl would have to do, and do nothing" },
                        { "kubeconfig", 0, VALUE_FILE, "FILE", false, "for the cluster, as kubectl's" },
                        { "context", 0, VALUE_TEXT, "NAME", false, "of the kubeconfig; default: the current one" },
                        { "namespace", 0, VALUE_TEXT, "NAME", false, "of the ModelRollout; default: the context's" },
                },
                .run = rollback_run,
        },
        {
                .words = "history",
                .group = GROUP_ROLLOUTS,
                .summary = "what rollouts did with a model's traffic, newest first",
                .example = "ctl history credit --limit 50",
                .role = "reader",
                .args = { { "TARGET", VALUE_TARGET } },
                .flags = { LIMIT("20") },
                .run = history_run,
        },
        {
                .words = "log",
                .group = GROUP_ROLLOUTS,
                .summary = "what was decided about traffic, everywhere and ever, newest first",
                .text = "Every region's rolloutd tells the registry what it did and why; the registry keeps it for ever. In contrast to "
                        "ctl history this needs no rolloutd, and shows targets that are gone. It may be some seconds behind.\n"
                        "With -o json the verdicts come with all their numbers.",
                .example = "ctl log prod.fraud --limit 50",
                .role = "reader",
                .args = { { "TARGET", VALUE_TARGET, .optional = true } },
                .flags = {
                        { "model", 0, VALUE_MODEL, "MODEL", false, "of this model only" },
                        { "region", 0, VALUE_REGION, "REGION", false, "of this region only" },
                        LIMIT("20"),
                },
                .run = log_run,
        },
        {
                .words = "policies",
                .group = GROUP_ROLLOUTS,
                .summary = "list the rollout policies",
                .example = "ctl policies",
                .role = "reader",
                .run = policies_run,
        },
        {
                .words = "policy lint",
                .group = GROUP_ROLLOUTS,
                .summary = "check a policy file, and whether it can work with the traffic there is",
                .text = "Refused are policies that could not find a version twice as bad, prove what they want proved, or see enough requests "
                        "in the time that their steps have.",
                .example = "ctl policy lint policies/canary.yaml --rate 50 --errors 0.2",
                .args = { { "FILE", VALUE_FILE } },
                .flags = {
                        { "rate", 'r', VALUE_TEXT, "REQUESTS", false, "requests a second of both versions together (expected_rate)" },
                        { "errors", 0, VALUE_TEXT, "PERCENT", false, "of stable's answers that are bad (default 0.5)" },
                        { "slow", 0, VALUE_TEXT, "PERCENT", false, "of stable's answers above the latency objective (default 1)" },
                },
                .local = true,
                .run = policy_lint_run,
        },
        {
                .words = "explain",
                .group = GROUP_ROLLOUTS,
                .summary = "show what every gate of a rollout says, and what it waits for",
                .text = "E is the evidence against the candidate: the odds that a fair bet on its being worse would have won so far; the "
                        "gate decides when it reaches the number after it, and p is the always-valid p-value. The ratio is the candidate's "
                        "share of bad answers over stable's, a 95 % confidence sequence. docs/judge.md explains both.",
                .example = "ctl explain credit",
                .role = "reader",
                .args = { { "TARGET", VALUE_TARGET } },
                .run = explain_run,
        },
        {
                .words = "simulate",
                .group = GROUP_ROLLOUTS,
                .summary = "run a policy against traffic that is made up or recorded",
                .text = "Prints how often good releases are rolled back, how soon bad ones are found, and how many errors users "
                        "would have seen, beside what the rules of Argo Rollouts, Flagger and Kayenta would have done. The same "
                        "seed gives the same numbers.\n"
                        "Without flags: the scenarios of docs/judge.md. With --rate and --errors: each rate with each pair of "
                        "error shares. With --prometheus and --target: the traffic of the last hour; each request goes to the "
                        "candidate by chance. With --recorded: the same from a file, for a Prometheus that is out of reach, got by\n"
                        "curl -s PROMETHEUS/api/v1/query --data-urlencode 'query={__name__=~\"up|scorer_.*\",target=\"TARGET\"}[1h]'\n"
                        "PromQL and Kayenta gates are left out: there is nothing to ask.",
                .example = "ctl simulate policies/canary.yaml --rate 50 --errors 0.2:0.2 --errors 0.2:1",
                .args = { { "FILE", VALUE_FILE } },
                .flags = {
                        { "rate", 'r', VALUE_TEXT, "REQUESTS", true, "requests a second of both versions together" },
                        { "errors", 0, VALUE_TEXT, "STABLE:CANDIDATE", true, "percent of bad answers, such as 0.2:0.5" },
                        { "slow", 0, VALUE_TEXT, "STABLE:CANDIDATE", false, "percent of answers above the latency objective" },
                        { "latency", 0, VALUE_TEXT, "STABLE:CANDIDATE", false, "median latencies in milliseconds; instead of --slow" },
                        { "tail", 0, VALUE_TEXT, "TIMES", false, "with --latency: p99 is so many times the median (4)" },
                        { "burst", 0, VALUE_TEXT, "N", false, "bad answers come in bursts of N on average, slow ones too" },
                        { "incident", 0, VALUE_TEXT, "PERCENT", false,
                          "both versions fail so much more from minute 10 to 15, and take twice as long" },
                        { "recorded", 0, VALUE_FILE, "FILE", false, "take the traffic from an answer of Prometheus" },
                        { "prometheus", 0, VALUE_TEXT, "URL", false, "take it from Prometheus itself; with --target" },
                        { "target", 0, VALUE_TARGET, "TARGET", false, "with --prometheus: whose traffic" },
                        { "last", 0, VALUE_DURATION, "DURATION", false, "with --prometheus: how much of it (default 1h)" },
                        { "harm", 0, VALUE_TEXT, "TIMES", true, "with a recording: the candidate fails so many times as often" },
                        { "only", 0, VALUE_TEXT, "good|bad", false, "of the scenarios of docs/judge.md" },
                        { "limit", 0, VALUE_DURATION, "DURATION", false, "how long a rollout is followed (default 30m)" },
                        { "runs", 'n', VALUE_COUNT, "N", false, "rollouts per scenario (default 2000)" },
                        { "seed", 0, VALUE_COUNT, "N", false, "another series of chance (default 1)" },
                        { "svg", 0, VALUE_FILE, "FILE", false, "write a plot too" },
                },
                .local = true,
                .run = simulate_run,
        },
        {
                .words = "whoami",
                .group = GROUP_ACCESS,
                .summary = "show the name and the role of your token",
                .example = "ctl whoami",
                .role = "reader",
                .run = whoami_run,
        },
        {
                .words = "token create",
                .group = GROUP_ACCESS,
                .summary = "make a token and print it, this once",
                .text = "Roles: reader reads; writer also creates models, pushes and registers; deployer reads, moves aliases and "
                        "steers rollouts; admin may do everything. Only the token's SHA-256 is kept.",
                .example = "ctl token create ci writer --save ci.token",
                .role = "admin",
                .args = { { "NAME", VALUE_NEW_TOKEN }, { "ROLE", VALUE_ROLE } },
                .flags = { { "save", 0, VALUE_FILE, "FILE", false, "write it to a new file, readable by you alone, instead" } },
                .run = token_create,
        },
        {
                .words = "token list",
                .group = GROUP_ACCESS,
                .summary = "list the tokens by name and role",
                .example = "ctl token list",
                .role = "admin",
                .run = token_list,
        },
        {
                .words = "token delete",
                .group = GROUP_ACCESS,
                .summary = "make a token worthless",
                .example = "ctl token delete ci",
                .role = "admin",
                .args = { { "NAME", VALUE_TOKEN } },
                .run = token_delete,
        },
        {
                .words = "version",
                .group = GROUP_SELF,
                .summary = "show the version of ctl and of the servers",
                .example = "ctl version",
                .run = version_run,
        },
        {
                .words = "completion",
                .group = GROUP_SELF,
                .summary = "print a completion script for your shell",
                .text = "Commands, flags and files complete by themselves; models, versions, aliases, policies and tokens come "
                        "from the servers, and are silently missing while those are away.\n"
                        "For zsh: ctl completion zsh > ~/.zfunc/_ctl, with ~/.zfunc in fpath.",
                .example = "source <(ctl completion bash)",
                .args = { { "SHELL", VALUE_SHELL } },
                .local = true,
                .run = completion_run,
        },
        {
                .words = "help",
                .group = GROUP_SELF,
                .summary = "explain ctl, or one command",
                .example = "ctl help rollout start",
                .args = { { "COMMAND", VALUE_COMMAND, .optional = true, .many = true } },
                .local = true,
                .run = help_run,
        },
};
const size_t n_commands = sizeof commands / sizeof *commands;

const struct flag global_flags[] = {
        { "registry", 0, VALUE_URL, "URL", false, "where registryd answers (default http://127.0.0.1:8470)" },
        { "rollout", 0, VALUE_URL, "URL", false, "where rolloutd answers (default http://127.0.0.1:8471)" },
        { "token-file", 0, VALUE_FILE, "FILE", false, "file whose first line is your token" },
        { "config", 0, VALUE_FILE, "FILE", false, "read settings from here, not from ~/.config/sluice/ctl.yaml" },
        { "output", 'o', VALUE_OUTPUT, "FORMAT", false, "table, json (the server's documents) or name (one name a line)" },
        { "timeout", 0, VALUE_DURATION, "DURATION", false,
          "how long a request may take, transfers: how long without a byte (default 10s)" },
        { "quiet", 'q', VALUE_NONE, NULL, false, "results only: no progress, no remarks" },
        { "no-color", 0, VALUE_NONE, NULL, false, "no colours, as with NO_COLOR in the environment" },
        { "help", 'h', VALUE_NONE, NULL, false, "explain ctl, or the command before it" },
        { "man", 0, VALUE_NONE, NULL, false, "print the manual page as scdoc source" },
        { "version", 0, VALUE_NONE, NULL, false, "print the version of ctl alone" },
        { 0 },
};

const struct exit_code exit_codes[] = {
        { 0, "it worked; a watched rollout is done" },
        { 1, "a fault of ctl or of a server, or the output could not be written" },
        { 2, "misuse, or the server refused the request as it was put" },
        { 3, "no token, an unknown one, or a role that may not do this" },
        { 4, "there is no such model, version, alias or rollout" },
        { 5, "somebody else was first, or the state does not allow it: look again" },
        { 6, "a server does not answer, is busy, or took too long" },
        { EXIT_ROLLED_BACK, "the watched rollout was rolled back, or given up before anything served" },
        { EXIT_INTERRUPTED, "interrupted by Ctrl-C" },
};
const size_t n_exit_codes = sizeof exit_codes / sizeof *exit_codes;

const struct command *command_find(const char *words)
{
        for (const struct command *c = commands; c < commands + n_commands; c++)
                if (strcmp(c->words, words) == 0)
                        return c;
        return NULL;
}

char *command_usage(const struct command *cmd)
{
        struct strbuf b;

        strbuf_init(&b, 4096);
        strbuf_addf(&b, "ctl %s", cmd->words);
        for (const struct arg *a = cmd->args; a < cmd->args + ARGS_MAX && a->name; a++)
                strbuf_addf(&b, a->optional ? " [%s]%s" : " %s%s", a->name, a->many ? "..." : "");
        for (const struct flag *f = cmd->flags; f < cmd->flags + FLAGS_MAX && f->name; f++)
                strbuf_addf(&b, " [--%s%s%s]%s", f->name, f->value ? " " : "", f->value ? f->value : "", f->many ? "..." : "");
        return strbuf_take(&b);
}
