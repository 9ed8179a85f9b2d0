"""Django on the shop: its models are not managed, its queries are what people write every day."""
import os
import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"], "USER": os.environ["PGUSER"],
                           "PASSWORD": os.environ["PGPASSWORD"], "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"]}},
    INSTALLED_APPS=["__main__"], USE_TZ=True, TIME_ZONE="UTC", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", SECRET_KEY="of a test")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Sum, Window  # noqa: E402
from django.db.models.functions import ExtractYear, Length, RowNumber, TruncMonth, Upper  # noqa: E402


class Customer(models.Model):
    id = models.IntegerField(primary_key=True)
    name, country, email, ssn = models.TextField(), models.TextField(), models.TextField(null=True), models.TextField()
    born, joined, active = models.DateField(null=True), models.DateField(), models.BooleanField()
    pin, points, salary = models.IntegerField(), models.BigIntegerField(null=True), models.DecimalField(max_digits=10, decimal_places=2)
    phone, card_number = models.CharField(max_length=20), models.TextField()
    profile, photo = models.JSONField(null=True), models.BinaryField(null=True)

    class Meta:
        app_label, managed, db_table = "__main__", False, "customers"


class Order(models.Model):
    id = models.IntegerField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    amount, memo, placed = models.DecimalField(max_digits=10, decimal_places=2), models.TextField(null=True), models.DateTimeField()

    class Meta:
        app_label, managed, db_table = "__main__", False, "orders"


def show(title, rows):
    print("--", title)
    for row in rows:
        print("  ", {k: v for k, v in vars(row).items() if k[0] != "_"} if isinstance(row, models.Model) else row, flush=True)


def introspect():
    call_command("inspectdb", "--include-views", "--include-partitions", stdout=sys.stdout)
    with connection.cursor() as cursor:
        for table in ("customers", "orders", "newsletter", "payments"):
            show(table, sorted(connection.introspection.get_constraints(cursor, table).items()))
            show(table, [connection.introspection.get_sequences(cursor, table), connection.introspection.get_relations(cursor, table)])


def query():
    customers, orders = Customer.objects.order_by("id"), Order.objects.order_by("id")
    newest = Order.objects.filter(customer=OuterRef("pk")).order_by("-id")
    show("whole rows", customers[:4])
    show("one", [customers.get(pk=3), customers.filter(pk=3).first(), customers.in_bulk([5, 6])])
    show("filters", customers.filter(Q(country="DE") | Q(name__endswith=" 9"), active=True, joined__year=2015).values_list("id", "email"))
    show("columns", customers.only("name", "email")[:2].values("name", "email", "phone"))
    show("left out", customers.defer("ssn", "photo")[:2])
    show("grouped by the primary key", customers.annotate(n=Count("orders"), total=Sum("orders__amount")).filter(n__gt=2)[:4])
    show("grouped, some columns", customers.values("id", "name", "ssn").annotate(n=Max("orders__amount"))[:4])
    show("grouped by what is clear", Customer.objects.values("country").annotate(n=Count("id"), top=Max("orders__amount")).order_by("country"))
    show("sub-selects", customers.annotate(last=Subquery(newest.values("amount")[:1]), any=Exists(newest.filter(amount__gt=300))).filter(any=True).values_list("id", "last", "card_number"))
    show("joined", [(o.id, o.customer.email, o.customer.pin) for o in orders.select_related("customer")[:4]])
    show("through", orders.filter(customer__country="JP", amount__lt=50).values_list("id", "customer__phone", "customer__salary"))
    show("prefetched", [(c.ssn, [o.amount for o in c.orders.all()]) for c in customers.prefetch_related(Prefetch("orders", orders))[:3]])
    show("functions", customers.annotate(a=Upper("email"), b=Length("ssn"), c=ExtractYear("born"), d=F("pin") + 1).values_list("a", "b", "c", "d")[:3])
    show("windows", customers.annotate(n=Window(RowNumber(), partition_by=F("country"), order_by=F("id").asc())).values_list("id", "n", "email")[:4])
    show("months", orders.annotate(m=TruncMonth("placed")).values("m").annotate(n=Count("id"), s=Sum("customer__salary")).order_by("m"))
    show("unions", customers.filter(id=1).values_list("email").union(customers.filter(id=2).values_list("phone"), all=True))
    show("raw", Customer.objects.raw("SELECT c.*, c.ssn AS other FROM customers c WHERE id < %s ORDER BY id", [3]))
    show("counts", [customers.count(), customers.exists(), customers.aggregate(Max("joined"), Count("email"))])
    show("page", customers[10:13].values_list("id", "born"))
    show("iterated", [sum(len(c.ssn) for c in customers.iterator(chunk_size=50))])


def write():
    with transaction.atomic():
        one = Customer.objects.select_for_update().get(pk=5)
        one.name = "Fifth"
        one.save(update_fields=["name"])
        show("written", [Customer.objects.get(pk=5)])
        order = Order.objects.create(id=5000, customer=one, amount="3.50", placed="2025-02-02T00:00Z")
        show("more", [Order.objects.filter(customer=one).update(amount=F("amount") + 1), order.delete(), Order.objects.filter(amount__lt=9).delete()])
        show("left", Order.objects.filter(customer=one).values_list("id", "amount", "customer__email").order_by("id"))
        transaction.set_rollback(True)


if sys.argv[1] == "schema":
    introspect()
else:
    query()
    write()
