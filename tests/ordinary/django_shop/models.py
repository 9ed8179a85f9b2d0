"""Some of the shop's tables, as Django's models; and one of Django's own."""
import datetime

from django.contrib.auth.models import User
from django.contrib.postgres import fields
from django.db import models
from django.db.models import Q


class Customer(models.Model):
    name = models.TextField()
    email = fields.CITextField(unique=True, null=True)
    tags = fields.ArrayField(models.TextField(), default=list)
    extra = models.JSONField(default=dict)
    props = fields.HStoreField(null=True)
    created = models.DateTimeField(default=datetime.datetime(2025, 3, 1, tzinfo=datetime.timezone.utc))

    class Meta:
        db_table, managed = "customers", False


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    total = models.DecimalField(max_digits=12, decimal_places=2)
    placed = models.DateField(default=datetime.date(2025, 3, 1))
    state = models.TextField(default="open")
    during = fields.DateTimeRangeField(null=True)

    class Meta:
        db_table, managed = "orders", False


class Document(models.Model):
    id = models.IntegerField(primary_key=True)
    body = models.TextField()

    class Meta:
        db_table, managed = "documents", False


class Note(models.Model):
    title = models.CharField(max_length=40, unique=True)
    slug = models.SlugField()
    owner = models.ForeignKey(User, models.SET_NULL, null=True)

    class Meta:
        db_table = "notes"
        indexes = [models.Index(fields=["slug", "-title"], name="notes_slug")]
        constraints = [models.CheckConstraint(check=~Q(title=""), name="titled"),
                       models.UniqueConstraint(fields=["slug"], condition=Q(owner=None), name="one_free")]
