"""The columns of FOCUS 1.2 (dataset Cost and Usage), written from the specification of June 2025."""

from typing import Literal, NamedTuple

Level = Literal["mandatory", "conditional", "recommended"]
Type = Literal["string", "decimal", "datetime", "json"]


class FocusColumn(NamedTuple):
    """A column: when it must be present, whether a cell may be null, the type and the allowed values of the others."""

    name: str
    level: Level
    nullable: bool
    type: Type = "string"
    allowed: tuple[str, ...] = ()
    condition: str = ""
    """What a provider must support for a conditional column to be required."""


AGREED_PRICES = "prices published or agreed in contracts"
MEASURED_USAGE = "measured usage"
NEGOTIATED = "negotiated prices"
LISTED = "a price list without discounts"
_ACCOUNT_TYPES = "several types of billing accounts"
_CAPACITY = "capacity reservations"
_COMMITMENTS = "commitment discounts"
_CATEGORIES = "several pricing categories"
_CURRENCIES = "other currencies of prices than of invoices"
_REGIONS = "regions"
_RESOURCES = "billing by provisioned resource"
_SUB_ACCOUNTS = "sub accounts"
SERVICE_CATEGORIES = (
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Multicloud",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
)
_SUBCATEGORIES = (
    "Bots",
    "Generative AI",
    "Machine Learning",
    "Natural Language Processing",
    "Other (AI and Machine Learning)",
)
"""Those of the category AI and Machine Learning."""

COLUMNS = (
    FocusColumn("AvailabilityZone", "recommended", True),
    FocusColumn("BilledCost", "mandatory", False, "decimal"),
    FocusColumn("BillingAccountId", "mandatory", False),
    FocusColumn("BillingAccountName", "mandatory", True),
    FocusColumn("BillingAccountType", "conditional", True, condition=_ACCOUNT_TYPES),
    FocusColumn("BillingCurrency", "mandatory", False),
    FocusColumn("BillingPeriodEnd", "mandatory", False, "datetime"),
    FocusColumn("BillingPeriodStart", "mandatory", False, "datetime"),
    FocusColumn("CapacityReservationId", "conditional", True, condition=_CAPACITY),
    FocusColumn("CapacityReservationStatus", "conditional", True, "string", ("Used", "Unused"), _CAPACITY),
    FocusColumn("ChargeCategory", "mandatory", False, "string", ("Usage", "Purchase", "Tax", "Credit", "Adjustment")),
    FocusColumn("ChargeClass", "mandatory", True, "string", ("Correction",)),
    FocusColumn("ChargeDescription", "mandatory", True),
    FocusColumn("ChargeFrequency", "recommended", False, "string", ("One-Time", "Recurring", "Usage-Based")),
    FocusColumn("ChargePeriodEnd", "mandatory", False, "datetime"),
    FocusColumn("ChargePeriodStart", "mandatory", False, "datetime"),
    FocusColumn("CommitmentDiscountCategory", "conditional", True, "string", ("Spend", "Usage"), _COMMITMENTS),
    FocusColumn("CommitmentDiscountId", "conditional", True, condition=_COMMITMENTS),
    FocusColumn("CommitmentDiscountName", "conditional", True, condition=_COMMITMENTS),
    FocusColumn("CommitmentDiscountQuantity", "conditional", True, "decimal", condition=_COMMITMENTS),
    FocusColumn("CommitmentDiscountStatus", "conditional", True, "string", ("Used", "Unused"), _COMMITMENTS),
    FocusColumn("CommitmentDiscountType", "conditional", True, condition=_COMMITMENTS),
    FocusColumn("CommitmentDiscountUnit", "conditional", True, condition=_COMMITMENTS),
    FocusColumn("ConsumedQuantity", "conditional", True, "decimal", condition=MEASURED_USAGE),
    FocusColumn("ConsumedUnit", "conditional", True, condition=MEASURED_USAGE),
    FocusColumn("ContractedCost", "mandatory", False, "decimal"),
    FocusColumn("ContractedUnitPrice", "conditional", True, "decimal", condition=NEGOTIATED),
    FocusColumn("EffectiveCost", "mandatory", False, "decimal"),
    FocusColumn("InvoiceId", "recommended", True),
    FocusColumn("InvoiceIssuerName", "mandatory", False),
    FocusColumn("ListCost", "mandatory", False, "decimal"),
    FocusColumn("ListUnitPrice", "conditional", True, "decimal", condition=LISTED),
    FocusColumn(
        "PricingCategory", "conditional", True, "string", ("Standard", "Dynamic", "Committed", "Other"), _CATEGORIES
    ),
    FocusColumn("PricingCurrency", "conditional", True, condition=_CURRENCIES),
    FocusColumn("PricingCurrencyContractedUnitPrice", "conditional", True, "decimal", condition=_CURRENCIES),
    FocusColumn("PricingCurrencyEffectiveCost", "conditional", True, "decimal", condition=_CURRENCIES),
    FocusColumn("PricingCurrencyListUnitPrice", "conditional", True, "decimal", condition=_CURRENCIES),
    FocusColumn("PricingQuantity", "mandatory", True, "decimal"),
    FocusColumn("PricingUnit", "mandatory", True),
    FocusColumn("ProviderName", "mandatory", False),
    FocusColumn("PublisherName", "mandatory", False),
    FocusColumn("RegionId", "conditional", True, condition=_REGIONS),
    FocusColumn("RegionName", "conditional", True, condition=_REGIONS),
    FocusColumn("ResourceId", "conditional", True, condition=_RESOURCES),
    FocusColumn("ResourceName", "conditional", True, condition=_RESOURCES),
    FocusColumn("ResourceType", "conditional", True, condition=_RESOURCES),
    FocusColumn("ServiceCategory", "mandatory", False, "string", SERVICE_CATEGORIES),
    FocusColumn("ServiceName", "mandatory", False),
    FocusColumn("ServiceSubcategory", "recommended", False, "string", _SUBCATEGORIES),
    FocusColumn("SkuId", "conditional", True, condition=AGREED_PRICES),
    FocusColumn("SkuMeter", "conditional", True, condition=AGREED_PRICES),
    FocusColumn("SkuPriceDetails", "conditional", True, "json", condition=AGREED_PRICES),
    FocusColumn("SkuPriceId", "conditional", True, condition=AGREED_PRICES),
    FocusColumn("SubAccountId", "conditional", True, condition=_SUB_ACCOUNTS),
    FocusColumn("SubAccountName", "conditional", True, condition=_SUB_ACCOUNTS),
    FocusColumn("SubAccountType", "conditional", True, condition=_SUB_ACCOUNTS),
    FocusColumn("Tags", "conditional", True, "json", condition="tags"),
)
