#include "base/test.h"

#include "base/buf.h"
#include "store/xml.h"

static void note(void *context, const struct xml_element *e)
{
    buf_printf(context, "%s%s%.*s\n", e->path, e->whole ? "." : "=", BYTES_FMT(e->text));
}

static void assert_read(const char *text, const char *wanted)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    bool good = xml_read(bytes_of(text), note, &out);
    buf_put_u8(&out, 0);
    if (wanted) {
        assert_true(good);
        assert_string_equal((const char *)buf_bytes(&out).p, wanted);
    } else {
        assert_false(good);
    }
    buf_free(&out);
}

static void elements_come_with_their_paths(void **state)
{
    (void)state;
    assert_read("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<L xmlns=\"http://x/\"><C><K>a</K><S> 1 </S></C>"
                "<C><K/></C>\n <P></P></L>\n",
                "L/C/K=a\nL/C/S= 1 \nL/C.\nL/C/K=\nL/C.\nL/P=\nL.\n");
    assert_read("<s:A xmlns:s='x'><s:B>1</s:B></s:A>", "A/B=1\nA.\n");
}

static void entities_are_characters(void **state)
{
    (void)state;
    assert_read("<A>&quot;x&quot; &lt;&amp;&gt; &#xE9;&#8364;&#x1F600;&apos;</A>",
                "A=\"x\" <&> \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80'\n");
    assert_read("<A>&nbsp;</A>", NULL);
    assert_read("<A>&#0;</A>", NULL);
    assert_read("<A>&#xD800;</A>", NULL);
    assert_read("<A>&#x110000;</A>", NULL);
    assert_read("<A>&#;</A>", NULL);
    assert_read("<A>&amp</A>", NULL);
}

static void what_is_not_plain_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "<A>",
        "<A></B>",
        "<A><B></A></B>",
        "<A/><B/>",
        "<A>x</A>y",
        "text",
        "<A>x<B/></A>",
        "<A><B/>x</A>",
        "<!DOCTYPE A [<!ENTITY x \"y\">]><A/>",
        "<A><!-- x --></A>",
        "<A><![CDATA[x]]></A>",
        "<A><?x y?></A>",
        "<A b></A>",
        "<A b=c></A>",
        "<A b=\"<\"></A>",
        "<A b=\"1\"c=\"2\"></A>",
        "< A/>",
        "</A>",
        "<A>\x01</A>",
        "<A>\xFF</A>",
        "<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_read(bad[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_with_their_paths),
        cmocka_unit_test(entities_are_characters),
        cmocka_unit_test(what_is_not_plain_is_refused),
    };
    return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
