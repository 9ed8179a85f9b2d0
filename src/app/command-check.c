/* postern check */
#include "app/commands.h"
#include "app/config.h"
#include "json/writer.h"

static const struct cli_option options[] = {
    { "config", 0, "FILE", "The configuration; the default is postern.yaml" },
    { "print", 0, NULL, "Print the configuration as it was understood, defaults included" },
    { "print-defaults", 0, NULL, "Print every key with its default and what it means" },
    { "print-schema", 0, NULL, "Print the JSON Schema" },
    { "json", 0, NULL, "Print JSON: one object" },
    { 0 },
};

static void print_json(const struct yaml_errors *errors, const char *path, struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_bool_member(&w, "ok", yaml_errors_count(errors) == 0);
    json_write_text_member(&w, "file", bytes_of(path));
    json_write_name(&w, "errors");
    json_write_array(&w);
    for (size_t i = 0; i < errors->n; i++) {
        const struct yaml_error *e = &errors->items[i];
        json_write_object(&w);
        json_write_text_member(&w, "file", e->place.file);
        json_write_int_member(&w, "line", e->place.line);
        json_write_int_member(&w, "column", e->place.column);
        json_write_text_member(&w, "message", e->text);
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_int_member(&w, "more", (int64_t)errors->more);
    json_write_end(&w);
    buf_append_text(out, "\n");
}

static int check(struct cli_call *call, const char *path, struct buf *out)
{
    struct yaml_errors errors;
    yaml_errors_init(&errors);
    const struct config *config = config_load(path, &errors);
    if (cli_option(call, "json"))
        print_json(&errors, path, out);
    else if (!config)
        yaml_errors_print(&errors, out);
    else if (cli_option(call, "print"))
        config_print(config, YAML_PRINT_WHOLE, out);
    else
        buf_printf(out, "%s is good: %zu connection%s\n", path, config->connections.n,
                   config->connections.n == 1 ? "" : "s");
    int code = config ? CLI_YES : CLI_NO;
    if (config) config_unref(config);
    yaml_errors_free(&errors);
    return code;
}

static int run(struct cli_call *call)
{
    struct buf out;
    int code = CLI_YES;
    const char *path = cli_option(call, "config");
    buf_init(&out, 16 << 20);
    if (cli_option(call, "print-defaults"))
        config_print_defaults(&out);
    else if (cli_option(call, "print-schema"))
        config_print_schema(&out);
    else
        code = check(call, path ? path : "postern.yaml", &out);
    cli_write(call, &out);
    buf_free(&out);
    return code;
}

const struct cli_command command_check = {
    .name = "check",
    .summary = "Check a configuration, and say what is wrong where",
    .arguments = "",
    .options = options,
    .own = true,
    .notes = "The exit code is 1 where something is wrong.",
    .run = run,
};
