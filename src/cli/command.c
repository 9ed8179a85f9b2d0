/* Finding and parsing a command. Long options take their value behind '=' or as the next word; letters
 * likewise; "--" ends options. Nothing is abbreviated, so that a later option never changes what a script
 * means. */
#include "cli/command.h"
#include "yaml/errors.h"
#include <stdarg.h>
#include <stdlib.h>

const struct cli_option cli_common_options[] = {
    { "config", 0, "FILE", "The configuration, for where the data is; the default is postern.yaml" },
    { "data", 0, "FOLDER", "The data folder, instead of a configuration" },
    { "key-file", 0, "FILE", "The key-encryption key, instead of the configuration's or the data folder's" },
    { "json", 0, NULL, "Print JSON: one object a line" },
    { "no-color", 0, NULL, "No colours, also on a terminal" },
    { "help", 'h', NULL, "Explain the command" },
    { 0 },
};
static const struct cli_option only_help[] = { { "help", 'h', NULL, "Explain the command" }, { 0 } };
static const struct cli_option none[] = { { 0 } };

static const struct cli_option *own_options(const struct cli_command *command)
{
    return command->options ? command->options : none;
}

/* Calls found-option logic over both tables; the place counts through them. NULL: not there. */
static const struct cli_option *option_find(const struct cli_command *command, struct bytes name, char letter,
                                            unsigned *place_out)
{
    const struct cli_option *tables[] = { own_options(command),
                                          command->own ? only_help : cli_common_options };
    unsigned place = 0;
    for (size_t t = 0; t < 2; t++)
        for (const struct cli_option *o = tables[t]; o->name; o++, place++)
            if (letter ? o->letter == letter : bytes_is(name, o->name)) {
                *place_out = place;
                return o;
            }
    return NULL;
}

const char *cli_option(const struct cli_call *call, const char *name)
{
    unsigned place = 0;
    CHECK(option_find(call->command, bytes_of(name), 0, &place));
    return call->values[place];
}

bool cli_option_number(const struct cli_call *call, const char *name, uint64_t fallback, uint64_t most,
                       uint64_t *out)
{
    int64_t value;
    struct bytes text = cli_option_bytes(call, name);
    *out = fallback;
    if (!text.p) return true;
    if (bytes_to_int64(text, &value) && value >= 0 && (uint64_t)value <= most) {
        *out = (uint64_t)value;
        return true;
    }
    cli_fail(call, "--%s wants a number from 0 to %llu", name, (unsigned long long)most);
    return false;
}

int cli_fail(const struct cli_call *call, const char *format, ...)
{
    va_list args;
    fprintf(call->world->err, "postern %s: ", call->command->name);
    va_start(args, format);
    vfprintf(call->world->err, format, args);
    va_end(args);
    fputc('\n', call->world->err);
    return CLI_FAILED;
}

bool cli_coloured(const struct cli_call *call)
{
    const struct cli_world *w = call->world;
    return w->out_is_terminal && !(w->no_color && *w->no_color) && !cli_option(call, "no-color") &&
           !cli_option(call, "json");
}

void cli_write(const struct cli_call *call, struct buf *out)
{
    struct bytes b = buf_bytes(out);
    if (out->failed) {
        cli_fail(call, "this is too much to be shown at once");
        exit(CLI_FAILED);
    }
    if (b.n && (fwrite(b.p, 1, b.n, call->world->out) != b.n)) exit(CLI_FAILED);
    buf_consume(out, b.n);
}

/* Whether the words begin with the command's; how many they are. */
static bool words_are(const char *name, int argc, char *const *argv, int *n_out)
{
    int n = 0;
    while (*name) {
        size_t length = strcspn(name, " ");
        if (n >= argc || strlen(argv[n]) != length || memcmp(argv[n], name, length) != 0) return false;
        n++;
        name += length + (name[length] == ' ');
    }
    *n_out = n;
    return true;
}

static const struct cli_command *command_find(const struct cli_command *const *commands, int argc,
                                              char *const *argv, int *n_out)
{
    const struct cli_command *best = NULL;
    int n, best_n = 0;
    for (; *commands; commands++)
        if (words_are((*commands)->name, argc, argv, &n) && n > best_n) {
            best = *commands;
            best_n = n;
        }
    *n_out = best_n;
    return best;
}

/* The words are no command: a noun alone gets its verbs, anything else the nearest name. */
static int unknown_command(const struct cli_command *const *commands, int argc, char *const *argv,
                           const struct cli_world *world)
{
    enum { MOST = 64 };
    const char *names[MOST];
    size_t n = 0, noun = strlen(argv[0]);
    bool is_noun = false;
    for (size_t i = 0; commands[i] && n < MOST; i++)
        names[n++] = commands[i]->name;
    for (size_t i = 0; i < n; i++)
        is_noun |= strncmp(names[i], argv[0], noun) == 0 && names[i][noun] == ' ';
    if (is_noun && (argc == 1 || argv[1][0] == '-')) {
        bool asked = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
        FILE *to = asked ? world->out : world->err;
        if (!asked) fprintf(to, "postern %s: it wants one of these verbs\n", argv[0]);
        for (size_t i = 0; i < n; i++)
            if (strncmp(names[i], argv[0], noun) == 0 && names[i][noun] == ' ')
                fprintf(to, "  postern %-18s %s\n", names[i], commands[i]->summary);
        return asked ? CLI_YES : CLI_FAILED;
    }
    char typed[128];
    snprintf(typed, sizeof typed, argc > 1 && argv[1][0] != '-' ? "%s %s" : "%s", argv[0],
             argc > 1 ? argv[1] : "");
    const char *nearest = yaml_nearest(bytes_of(typed), names, n);
    if (!nearest) nearest = yaml_nearest(bytes_of(argv[0]), names, n);
    struct buf safe;
    buf_init(&safe, 4096);
    for (const char *p = typed; *p; p++)
        buf_put_u8(&safe, *p >= ' ' && *p < 127 ? (uint8_t)*p : '?');
    fprintf(world->err, "postern: there is no command \"%.*s\"", BYTES_FMT(buf_bytes(&safe)));
    fprintf(world->err, nearest ? "; did you mean \"%s\"?\n" : "; `postern help` lists them all\n", nearest);
    buf_free(&safe);
    return CLI_FAILED;
}

static bool unknown_option(const struct cli_call *call, const char *word)
{
    const char *names[CLI_OPTIONS_MOST];
    size_t n = 0;
    const struct cli_option *tables[] = { own_options(call->command),
                                          call->command->own ? only_help : cli_common_options };
    for (size_t t = 0; t < 2; t++)
        for (const struct cli_option *o = tables[t]; o->name && n < CLI_OPTIONS_MOST; o++)
            names[n++] = o->name;
    struct bytes typed = bytes_of(word[1] == '-' ? word + 2 : word + 1);
    for (size_t i = 0; i < typed.n; i++)
        if (typed.p[i] == '=') typed.n = i;
    const char *nearest = yaml_nearest(typed, names, n);
    if (nearest)
        cli_fail(call, "there is no option %s; did you mean --%s?", word, nearest);
    else
        cli_fail(call, "there is no option %s", word);
    return false;
}

/* One option at argv[*at]; *at moves over its value. */
static bool parse_option(struct cli_call *call, int argc, char *const *argv, int *at)
{
    const char *word = argv[*at], *value = NULL;
    bool is_long = word[1] == '-';
    struct bytes name = bytes_of(is_long ? word + 2 : "");
    const char *equals = is_long ? strchr(word, '=') : NULL;
    if (equals) name.n = (size_t)(equals - word) - 2;
    unsigned place = 0;
    const struct cli_option *o = option_find(call->command, name, is_long ? 0 : word[1], &place);
    if (!o) return unknown_option(call, word);
    CHECK(place < CLI_OPTIONS_MOST);
    if (equals)
        value = equals + 1;
    else if (!is_long && word[2])
        value = word + 2;
    if (!o->value) {
        if (value) {
            cli_fail(call, "--%s takes no value", o->name);
            return false;
        }
        call->values[place] = "";
        return true;
    }
    if (!value) {
        if (*at + 1 >= argc) {
            cli_fail(call, "--%s wants a value: %s", o->name, o->value);
            return false;
        }
        value = argv[++*at];
    }
    call->values[place] = value;
    return true;
}

static bool parse(struct cli_call *call, int argc, char *const *argv)
{
    bool options = true;
    for (int at = 0; at < argc; at++) {
        if (options && strcmp(argv[at], "--") == 0)
            options = false;
        else if (options && argv[at][0] == '-' && argv[at][1]) {
            if (!parse_option(call, argc, argv, &at)) return false;
        } else if (call->n_arguments < CLI_ARGUMENTS_MOST)
            call->arguments[call->n_arguments++] = argv[at];
    }
    if (cli_option(call, "help")) return true;
    if (call->n_arguments < call->command->least) {
        cli_fail(call, "%s is missing; see postern %s --help", call->command->arguments, call->command->name);
        return false;
    }
    if (call->n_arguments > call->command->most) {
        cli_fail(call, "\"%s\" is one argument too many; see postern %s --help",
                 call->arguments[call->command->most], call->command->name);
        return false;
    }
    return true;
}

int cli_main(const struct cli_command *const *commands, int argc, char *const *argv,
             const struct cli_world *world)
{
    char *const help[] = { (char *)(uintptr_t) "help", NULL };
    char *const version[] = { (char *)(uintptr_t) "version", NULL };
    int n = 0;
    argc--;
    argv++;
    bool bare = argc == 0;
    if (!bare && strcmp(argv[0], "--version") == 0) {
        argv = version;
        argc = 1;
    }
    if (bare || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        argv = help;
        argc = 1;
    }
    struct cli_call call = { .world = world, .commands = commands };
    call.command = command_find(commands, argc, argv, &n);
    if (!call.command) return unknown_command(commands, argc, argv, world);
    if (!parse(&call, argc - n, argv + n)) return CLI_FAILED;
    if (!cli_option(&call, "help")) {
        int code = call.command->run(&call);
        if (fflush(world->out) != 0 && code == CLI_YES) code = CLI_FAILED;
        return bare ? CLI_FAILED : code;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    cli_help_command(call.command, &out);
    cli_write(&call, &out);
    buf_free(&out);
    return CLI_YES;
}
