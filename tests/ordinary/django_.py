"""What Django asks and does: inspectdb, migrations with its own applications, and the queries of its ORM."""
import datetime
import os
import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"], "USER": os.environ["PGUSER"],
                           "PASSWORD": os.environ["PGPASSWORD"], "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"]}},
    INSTALLED_APPS=["django.contrib.postgres", "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "django_shop"],
    USE_TZ=True, TIME_ZONE="UTC", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", SECRET_KEY="of a test")
django.setup()

from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.contrib.postgres import aggregates, search  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django_shop.models import Customer, Document, Note, Order  # noqa: E402
from django.db import DatabaseError, IntegrityError, connection, models, transaction  # noqa: E402
from django.db.models import (Avg, Case, Count, Exists, ExpressionWrapper, F, FilteredRelation, Max, OuterRef, Prefetch, Q, Subquery, Sum,  # noqa: E402
                              Value, When, Window)
from django.db.models.functions import (Cast, Coalesce, Concat, ExtractWeek, Lag, Length, Lower, Now, Rank, RowNumber,  # noqa: E402
                                        StrIndex, TruncDay, TruncMonth)


def title(text):
    print("--", text, flush=True)


def show(rows):
    for row in rows:
        print("  ", row, flush=True)


def introspect():
    title("inspectdb")
    call_command("inspectdb", "--include-views", "--include-partitions", stdout=sys.stdout)
    with connection.cursor() as cursor:
        for table in ("customers", "orders", "order_lines", "nodes", "documents"):
            title(table)
            introspection = connection.introspection
            show(sorted(introspection.get_constraints(cursor, table).items()))
            show(introspection.get_sequences(cursor, table))
            show([introspection.get_relations(cursor, table), introspection.get_key_columns(cursor, table)])


def migrate():
    title("migrate")
    call_command("migrate", verbosity=1, stdout=sys.stdout)
    call_command("showmigrations", stdout=sys.stdout)
    show([(Permission.objects.count(), sorted(connection.introspection.table_names()))])
    with connection.schema_editor() as editor:
        editor.create_model(Note)
        editor.add_field(Note, with_name(models.IntegerField(null=True, default=7, db_index=True), "stars"))
        editor.alter_field(Note, Note._meta.get_field("slug"), with_name(models.CharField(max_length=90, null=True, db_index=True), "slug"))
    user = User.objects.create_user("ada", "ada@mail.invalid", None)
    user.groups.add(Group.objects.create(name="all"))
    user.user_permissions.set(Permission.objects.order_by("id")[:3])
    show(User.objects.filter(groups__name="all").values_list("username", "is_active"))
    show(sorted(user.get_all_permissions()))
    Note.objects.bulk_create(Note(title=f"t{n}", slug=f"s{n}", owner=user) for n in range(5))
    show([Note.objects.update_or_create(title="t1", defaults={"slug": "other"})[1], Note.objects.get_or_create(title="t9", slug="s")[1]])
    Note.objects.bulk_update([Note(id=1, slug="one"), Note(id=2, slug="two")], ["slug"])
    show(Note.objects.bulk_create([Note(title="t1", slug="x"), Note(title="t77", slug="y")], ignore_conflicts=True))
    show(Note.objects.order_by("id").values_list("id", "title", "slug", "owner__username"))
    user.delete()
    show(Note.objects.filter(owner=None).values_list("title").order_by("title"))
    call_command("flush", interactive=False, verbosity=0)
    show([Note.objects.count(), Permission.objects.count()])


def with_name(field, name):
    field.set_attributes_from_name(name)
    field.model = Note
    return field


def query():
    orders, customers = Order.objects, Customer.objects
    best = orders.filter(customer=OuterRef("pk")).order_by("-total")
    asked = {
        "filters": customers.filter(Q(name__icontains="mer 1") | Q(id__in=[2, 3]), ~Q(name="x"), id__gte=1).order_by("id").values_list("id", "name"),
        "joins": orders.filter(customer__name__startswith="Customer 1", placed__year=2025, placed__month__lte=1).order_by("id").values_list("id", "customer__name"),
        "annotate": customers.annotate(n=Count("orders"), total=Sum("orders__total"), top=Max("orders__total")).filter(n__gt=2, total__gt=90).order_by("id").values_list("id", "name", "n", "total", "top"),
        "whole rows with groups": [(c.id, c.name, c.tags, c.n) for c in customers.annotate(n=Count("orders", filter=Q(orders__state="open"))).order_by("id")[:3]],
        "sub-selects": customers.annotate(best=Subquery(best.values("total")[:1]), any=Exists(best.filter(total__gt=85))).filter(any=True).order_by("id").values_list("id", "best"),
        "windows": orders.annotate(r=Window(Rank(), partition_by=F("state"), order_by=F("total").desc()), n=Window(RowNumber(), order_by=F("id").asc()), l=Window(Lag("total"), order_by=F("id").asc())).order_by("id").values_list("id", "r", "n", "l")[:5],
        "dates": orders.annotate(m=TruncMonth("placed"), w=ExtractWeek("placed")).values("m").annotate(n=Count("id"), avg=Avg("total")).order_by("m").values_list("m", "n", "avg"),
        "zones": customers.annotate(d=TruncDay("created", tzinfo=datetime.timezone(datetime.timedelta(hours=2)))).values_list("d").distinct(),
        "expressions": orders.annotate(x=Case(When(total__gt=50, then=Value("much")), default=Value("little"), output_field=models.TextField()), y=Concat("state", Value("-", output_field=models.TextField()), Cast("id", models.TextField())), k=Length(Lower("state")), i=StrIndex("state", Value("e")), later=ExpressionWrapper(F("placed") + datetime.timedelta(days=3), output_field=models.DateTimeField())).order_by("id").values_list("id", "x", "y", "k", "i", "later")[:3],
        "json": customers.filter(extra__n__gt=18, extra__deep__has_key="k", extra__list__0__isnull=False).order_by("id").values_list("id", "extra__deep__k", "extra__list__1"),
        "json contains": customers.filter(extra__contains={"n": 3}).values_list("id"),
        "arrays": customers.filter(tags__contains=["t1"], tags__overlap=["all"], tags__len=2, tags__0="t1").order_by("id").values_list("id", "tags__1"),
        "hstore, citext": customers.filter(props__k="4", email="C4@MAIL.INVALID", props__has_key="k").values_list("id", "props__k"),
        "ranges": orders.filter(during__contains=datetime.datetime(2025, 1, 5, tzinfo=datetime.timezone.utc), during__startswith__isnull=False).count(),
        "search": Document.objects.annotate(s=search.SearchVector("body", config="english"), r=search.SearchRank(search.SearchVector("body"), search.SearchQuery("quick"))).filter(s=search.SearchQuery("quick | cat", search_type="raw", config="english")).order_by("id").values_list("id", "r"),
        "trigrams": Document.objects.filter(body__trigram_similar="quick brown fox").values_list("id"),
        "aggregates": orders.filter(id__lt=6).aggregate(a=aggregates.ArrayAgg("id", ordering="-id"), s=aggregates.StringAgg("state", "-", distinct=True, output_field=models.TextField()), b=Count("state", distinct=True), sum=Sum(F("total") * 2)),
        "filtered relation": customers.annotate(sent=FilteredRelation("orders", condition=Q(orders__state="sent"))).filter(sent__total__gt=80).order_by("id").values_list("id", "sent__total"),
        "unions": customers.filter(id=1).values_list("id").union(orders.filter(id=7).values_list("id")).order_by("id"),
        "distinct on": orders.order_by("customer_id", "-id").distinct("customer_id").values_list("customer_id", "id")[:3],
        "prefetch": [(c.id, [o.id for o in c.orders.all()]) for c in customers.prefetch_related(Prefetch("orders", orders.order_by("id"))).order_by("id")[:3]],
        "select related": [(o.id, o.customer.name) for o in orders.select_related("customer").order_by("id")[:2]],
        "exists, count, in_bulk": (customers.exists(), customers.count(), sorted(customers.in_bulk([1, 2])), customers.earliest("created").id > 0),
        "iterator": sum(o.id for o in orders.iterator(chunk_size=7)),
        "raw": [(c.id, c.n) for c in customers.raw("SELECT c.*, (SELECT count(*) FROM orders WHERE customer_id = c.id) AS n FROM customers c WHERE id < %s ORDER BY id", [3])],
        "explain": customers.filter(id=3).explain(verbose=True, costs=False),
        "dates()": list(orders.dates("placed", "month")),
    }
    for name, result in asked.items():
        title(name)
        show(result if not isinstance(result, (int, str, dict)) else [result])


def write():
    title("writes")
    with transaction.atomic():
        one = Customer.objects.select_for_update(of=("self",)).get(id=5)
        one.name = "Fifth"
        one.save(update_fields=["name"])
        show([Order.objects.filter(customer=one).update(total=F("total") + 1, placed=Now()), one.refresh_from_db()])
    new = Customer.objects.create(name="New", extra={"a": None}, props={"k": "v"}, tags=["x"])
    order = new.orders.create(total="12.50", during=(datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc), None))
    show([(new.id, order.id, order.state)])
    try:
        with transaction.atomic():
            Customer.objects.create(name="Twice", email="C1@mail.invalid")
    except IntegrityError as error:
        show([str(error).strip().replace("\n", " / ")])
    show([new.delete(), Order.objects.filter(id=order.id).exists(), Order.objects.filter(total__lt=3).delete()])
    for text in ("SELECT * FROM nowhere", "SELECT nope FROM orders WHERE id = %s"):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(text, [1] if "%" in text else None)
        except DatabaseError as error:
            show([type(error).__name__, str(error).strip().replace("\n", " / ")])
    with connection.cursor() as cursor:
        cursor.callproc("slug", ["A B"])
        show(cursor.fetchall())
    with connection.constraint_checks_disabled():
        connection.check_constraints()


introspect()
query()
write()
migrate()
