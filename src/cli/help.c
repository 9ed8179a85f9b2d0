/* Help, man page and completion, all from the table of commands. */
#include "cli/command.h"

static const struct cli_option none[] = { { 0 } };
static const struct cli_option only_help[] = { { "help", 'h', NULL, "Explain the command" }, { 0 } };

static const struct cli_option *options_of(const struct cli_command *c, int which)
{
    if (which == 0) return c->options ? c->options : none;
    return c->own ? only_help : cli_common_options;
}

static bool starts_noun(const struct cli_command *const *commands, size_t i)
{
    size_t n = strcspn(commands[i]->name, " ");
    return i == 0 || strncmp(commands[i - 1]->name, commands[i]->name, n) != 0 ||
           commands[i - 1]->name[n] != commands[i]->name[n];
}

void cli_help(const struct cli_command *const *commands, struct buf *out)
{
    buf_append_text(out, "postern: a guarded gate in front of PostgreSQL\n\n"
                         "usage: postern COMMAND [OPTION]... [ARGUMENT]...\n\n");
    for (size_t i = 0; commands[i]; i++) {
        if (i && starts_noun(commands, i) && strchr(commands[i]->name, ' ')) buf_append_text(out, "\n");
        buf_printf(out, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
    }
    buf_append_text(out, "\n`postern COMMAND --help` explains each. Exit codes: 0 yes, 1 the answer is no or "
                         "something was\nfound that should not be there, 2 usage or failure.\n");
}

static void put_option(const struct cli_option *o, struct buf *out)
{
    char left[64];
    snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
             o->letter ? ", " : "  ", o->name, o->value ? " " : "", o->value ? o->value : "");
    buf_printf(out, "  %-24s %s\n", left, o->help);
}

void cli_help_command(const struct cli_command *command, struct buf *out)
{
    buf_printf(out, "usage: postern %s [OPTION]...%s%s\n\n%s.\n", command->name,
               *command->arguments ? " " : "", command->arguments, command->summary);
    if (command->notes) buf_printf(out, "\n%s\n", command->notes);
    buf_append_text(out, "\n");
    for (int which = 0; which < 2; which++)
        for (const struct cli_option *o = options_of(command, which); o->name; o++)
            put_option(o, out);
}

/* ---- the man page (groff's man macros) */

static void put_roff(const char *text, struct buf *out)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) buf_append_text(out, "\\&");
        if (*text == '-')
            buf_append_text(out, "\\-");
        else if (*text == '\\')
            buf_append_text(out, "\\e");
        else
            buf_put_u8(out, (uint8_t)*text);
        line_start = *text == '\n';
    }
}

static void put_roff_options(const struct cli_option *o, struct buf *out)
{
    for (; o->name; o++) {
        buf_append_text(out, ".TP\n");
        if (o->letter) buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
        buf_append_text(out, "\\fB\\-\\-");
        put_roff(o->name, out);
        buf_append_text(out, "\\fR");
        if (o->value) buf_printf(out, " \\fI%s\\fR", o->value);
        buf_append_text(out, "\n");
        put_roff(o->help, out);
        buf_append_text(out, ".\n");
    }
}

void cli_man_page(const struct cli_command *const *commands, struct buf *out)
{
    buf_append_text(
        out, ".TH POSTERN 1 \"\" \"postern\" \"User Commands\"\n.SH NAME\npostern \\- a guarded gate in "
             "front of PostgreSQL\n.SH SYNOPSIS\n.B postern\n.I command\n[\\fIoption\\fR]...\n"
             "[\\fIargument\\fR]...\n.SH DESCRIPTION\nA client keeps its ordinary PostgreSQL driver and "
             "changes only the host. Postern proves who is calling, decides what each statement may "
             "do, and keeps a complete, signed, replayable record.\n.SH COMMANDS\n");
    for (; *commands; commands++) {
        const struct cli_command *c = *commands;
        buf_append_text(out, ".SS postern ");
        put_roff(c->name, out);
        if (*c->arguments) buf_append_text(out, " ");
        put_roff(c->arguments, out);
        buf_append_text(out, "\n");
        put_roff(c->summary, out);
        buf_append_text(out, ".\n");
        if (c->notes) {
            buf_append_text(out, ".PP\n");
            put_roff(c->notes, out);
            buf_append_text(out, "\n");
        }
        put_roff_options(options_of(c, 0), out);
    }
    buf_append_text(out, ".SH COMMON OPTIONS\nMost commands take these.\n");
    put_roff_options(cli_common_options, out);
    buf_append_text(out,
                    ".SH EXIT STATUS\n0: yes. 1: the answer is no, or something was found that should not be "
                    "there. 2: usage or failure.\n.SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colours where it is "
                    "set and not empty.\n.SH FILES\n.TP\n.I postern.yaml\nThe configuration.\n");
}

/* ---- bash completion */

static void put_words(const struct cli_command *c, struct buf *out)
{
    for (int which = 0; which < 2; which++)
        for (const struct cli_option *o = options_of(c, which); o->name; o++)
            buf_printf(out, " --%s", o->name);
}

/* The words that can stand first, or second behind a noun. */
static void put_verbs(const struct cli_command *const *commands, const char *noun, struct buf *out)
{
    size_t n = noun ? strlen(noun) : 0;
    for (size_t i = 0; commands[i]; i++) {
        const char *name = commands[i]->name;
        if (noun) {
            if (strncmp(name, noun, n) == 0 && name[n] == ' ') buf_printf(out, " %s", name + n + 1);
        } else if (starts_noun(commands, i))
            buf_printf(out, " %.*s", (int)strcspn(name, " "), name);
    }
}

void cli_completion_bash(const struct cli_command *const *commands, struct buf *out)
{
    buf_append_text(out, "# bash completion for postern; made by `postern completion`.\n"
                         "_postern() {\n    local word=${COMP_WORDS[COMP_CWORD]} words=\n    COMPREPLY=()\n"
                         "    case ${COMP_WORDS[COMP_CWORD-1]} in\n"
                         "    --config|--key-file|--key) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
                         "    --data) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n    esac\n"
                         "    case \"${COMP_WORDS[*]:1:COMP_CWORD-1}\" in\n");
    for (size_t i = 0; commands[i]; i++) {
        buf_printf(out, "    \"%s\"|\"%s \"*) words=\"", commands[i]->name, commands[i]->name);
        size_t before = buf_length(out);
        put_words(commands[i], out);
        (void)before;
        buf_append_text(out, "\" ;;\n");
    }
    for (size_t i = 0; commands[i]; i++) {
        size_t n = strcspn(commands[i]->name, " ");
        char noun[32];
        if (!commands[i]->name[n] || !starts_noun(commands, i)) continue;
        snprintf(noun, sizeof noun, "%.*s", (int)n, commands[i]->name);
        buf_printf(out, "    \"%s\") words=\"", noun);
        put_verbs(commands, noun, out);
        buf_append_text(out, "\" ;;\n");
    }
    buf_append_text(out, "    \"\") words=\"");
    put_verbs(commands, NULL, out);
    buf_append_text(out, "\" ;;\n    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
                         "complete -F _postern postern\n");
}

/* ---- the commands that show these */

static int print(struct cli_call *call,
                 void (*make)(const struct cli_command *const *commands, struct buf *out))
{
    struct buf out;
    buf_init(&out, 1 << 20);
    make(call->commands, &out);
    cli_write(call, &out);
    buf_free(&out);
    return CLI_YES;
}

static int run_help(struct cli_call *call)
{
    if (call->n_arguments == 0) return print(call, cli_help);
    char name[128];
    snprintf(name, sizeof name, call->n_arguments > 1 ? "%s %s" : "%s", call->arguments[0],
             call->n_arguments > 1 ? call->arguments[1] : "");
    for (size_t i = 0; call->commands[i]; i++)
        if (strcmp(call->commands[i]->name, name) == 0) {
            struct buf out;
            buf_init(&out, 1 << 20);
            cli_help_command(call->commands[i], &out);
            cli_write(call, &out);
            buf_free(&out);
            return CLI_YES;
        }
    return cli_fail(call, "there is no such command");
}

static int run_man(struct cli_call *call)
{
    return print(call, cli_man_page);
}

static int run_completion(struct cli_call *call)
{
    return print(call, cli_completion_bash);
}

static int run_version(struct cli_call *call)
{
    fprintf(call->world->out, "postern %s\n", POSTERN_VERSION);
    return CLI_YES;
}

const struct cli_command cli_command_help = { .name = "help",
                                              .summary = "List the commands, or explain one",
                                              .arguments = "[COMMAND]",
                                              .most = 2,
                                              .own = true,
                                              .run = run_help };
const struct cli_command cli_command_version = {
    .name = "version", .summary = "Print the version", .arguments = "", .own = true, .run = run_version
};
const struct cli_command cli_command_man = { .name = "man",
                                             .summary = "Print the man page, in groff's format",
                                             .arguments = "",
                                             .own = true,
                                             .run = run_man };
const struct cli_command cli_command_completion = {
    .name = "completion",
    .summary = "Print the completion for bash",
    .arguments = "",
    .own = true,
    .notes = "Put it where bash finds it:\n"
             "  postern completion > /etc/bash_completion.d/postern",
    .run = run_completion
};
