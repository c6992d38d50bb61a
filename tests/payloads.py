"""Payloads of each format, field for field as its public documentation shows them, with values of our own.

Where each shape is from:
- Segment: segmentio/segment-docs, src/connections/spec/{common,track,identify,group,page,screen,alias}.md, and for the
  batch src/connections/sources/catalog/libraries/server/http-api/index.md
- CloudEvents: cloudevents/spec, cloudevents/formats/json-format.md (3.2, events A to D) and
  cloudevents/bindings/kafka-protocol-binding.md (3.2.5)
- PostHog: posthog.com/docs/api/capture and /docs/product-analytics/group-analytics (what libraries send: the
  distinct_id within `properties`), and the fields of its batch exports (beside them)
- Snowplow: the analytics SDK's own test of `Event.toJson` (snowplow/snowplow-scala-analytics-sdk, EventSpec): nulls
  written out, contexts and self-describing events under names of their schemas
"""

from typing import Any, Final

NATIVE: Final[dict[str, Any]] = {
    "event": "report_created",
    "user_id": "ann",
    "account_id": "acme",
    "event_id": "e-1",
    "ts": "2024-02-29T12:00:00Z",
    "value": 2,
}

_COMMON: Final[dict[str, Any]] = {
    "anonymousId": "5a0b1c2d3e4f",
    "channel": "browser",
    "context": {
        "active": True,
        "app": {"name": "Notes", "version": "545", "build": "3.0.1.545", "namespace": "com.example.notes"},
        "campaign": {"name": "Spring", "source": "Newsletter", "medium": "email", "term": "notes", "content": "link"},
        "device": {"id": "B537", "manufacturer": "Apple", "model": "iPhone7,2", "name": "maguro", "type": "ios"},
        "ip": "192.0.2.8",
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "locale": "en-US",
        "location": {"city": "Bern", "country": "Switzerland", "latitude": 46.9, "longitude": 7.4, "speed": 0},
        "network": {"bluetooth": False, "carrier": "T", "cellular": True, "wifi": False},
        "os": {"name": "iPhone OS", "version": "8.1.3"},
        "page": {
            "path": "/notes/",
            "referrer": "",
            "search": "",
            "title": "Notes",
            "url": "https://example.com/notes/",
        },
        "screen": {"width": 320, "height": 568, "density": 2},
        "groupId": "12345",
        "timezone": "Europe/Zurich",
        "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 9_1 like Mac OS X)",
    },
    "integrations": {"All": True, "Mixpanel": False, "Salesforce": False},
    "messageId": "022bb90c-0000-11e4-8dfc-aa07a5b093db",
    "receivedAt": "2024-02-10T04:08:31.909Z",
    "sentAt": "2024-02-10T04:08:31.581Z",
    "timestamp": "2024-02-10T04:08:31.905Z",
    "userId": "97980cfea0067",
    "version": 2,
}
SEGMENT_TRACK: Final[dict[str, Any]] = {
    **_COMMON,
    "type": "track",
    "event": "Course Clicked",
    "properties": {"title": "Introduction", "value": 2.5},
    "originalTimestamp": "2024-02-10T04:08:31.577Z",
}
SEGMENT_PAGE: Final[dict[str, Any]] = {
    **_COMMON,
    "type": "page",
    "name": "Home",
    "properties": {"path": "/", "referrer": "", "search": "", "title": "Home", "url": "http://www.example.com"},
}
SEGMENT_SCREEN: Final[dict[str, Any]] = {
    **_COMMON,
    "type": "screen",
    "name": "Orders",
    "userId": None,
    "properties": {"variation": "blue signup button"},
}
SEGMENT_IDENTIFY: Final[dict[str, Any]] = {
    **_COMMON,
    "type": "identify",
    "traits": {"name": "Peter", "email": "peter@example.com", "plan": "premium", "logins": 5, "address": {"city": "X"}},
}
SEGMENT_GROUP: Final[dict[str, Any]] = {
    **_COMMON,
    "type": "group",
    "groupId": "0e8c78ea9d97",
    "traits": {
        "name": "Initech",
        "industry": "Technology",
        "employees": 329,
        "plan": "enterprise",
        "total billed": 830,
    },
}
SEGMENT_ALIAS: Final[dict[str, Any]] = {**_COMMON, "type": "alias", "previousId": "39239-239239"}
SEGMENT_BATCH: Final[dict[str, Any]] = {
    "batch": [
        {
            "type": "identify",
            "userId": "019mr8mf4r",
            "traits": {"email": "jake@example.com", "name": "Jake", "age": 26},
            "timestamp": "2024-02-02T00:30:08.276Z",
        },
        {
            "type": "track",
            "userId": "019mr8mf4r",
            "event": "Song Played",
            "properties": {"name": "Fallin", "artist": "Dierks"},
            "timestamp": "2024-02-02T00:30:12.984Z",
        },
        # The documentation's own example writes the month with one digit, which no RFC 3339 time is.
        {
            "type": "identify",
            "userId": "971mj8mk7p",
            "traits": {"email": "cindy@example.com", "name": "Cindy", "age": 23},
            "timestamp": "2024-2-02T00:30:08.276Z",
        },
        {
            "type": "track",
            "userId": "971mj8mk7p",
            "event": "Song Played",
            "properties": {"name": "Get Right", "artist": "Jennifer"},
            "timestamp": "2024-2-02T00:30:12.984Z",
        },
    ],
    "writeKey": "YOUR_WRITE_KEY",
    "context": {"device": {"type": "phone", "name": "Apple iPhone 6"}},
}

_CLOUD: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext",
    "time": "2018-04-05T17:31:00Z",
    "comexampleextension1": "value",
    "comexampleothervalue": 5,
}
CLOUD_BINARY_DATA: Final[dict[str, Any]] = {
    **_CLOUD,
    "id": "A234-1234-1234",
    "datacontenttype": "application/vnd.apache.thrift.binary",
    "data_base64": "AAECAw==",
}
CLOUD_XML: Final[dict[str, Any]] = {
    **_CLOUD,
    "id": "B234-1234-1234",
    "unsetextension": None,
    "datacontenttype": "application/xml",
    "data": '<much wow="xml"/>',
}
CLOUD_JSON: Final[dict[str, Any]] = {
    **_CLOUD,
    "subject": None,
    "id": "C234-1234-1234",
    "datacontenttype": "application/json",
    "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
}
CLOUD_TEXT: Final[dict[str, Any]] = {**_CLOUD, "subject": None, "id": "D234-1234-1234", "data": "I'm just a string"}
CLOUD_EVENT: Final[dict[str, Any]] = {**CLOUD_JSON, "subject": "ann", "account": "acme"}
BINARY: Final[list[tuple[str, bytes | None]]] = [
    ("ce_specversion", b"1.0"),
    ("ce_type", b"com.example.someevent"),
    ("ce_source", b"/mycontext/subcontext"),
    ("ce_id", b"1234-1234-1234"),
    ("ce_time", b"2018-04-05T03:56:24Z"),
    ("content-type", b"application/avro"),
    ("ce_subject", b"ann"),
]
"""The headers of the Kafka binding's example, with a subject: who did it."""

POSTHOG_EXPORT: Final[dict[str, Any]] = {
    "uuid": "0190a1b2-0000-7000-8000-000000000001",
    "event": "user_signed_up",
    "properties": {"$lib": "web", "$groups": {"company": "id:5", "project": "p"}, "$ip": "192.0.2.1"},
    "elements_chain": "",
    "timestamp": "2024-02-16T09:03:11.913767Z",
    "team_id": 2,
    "distinct_id": "user-1",
    "created_at": "2024-02-16T09:03:12.000000Z",
    "person_id": "f99fa0a1-e0c2-4cfe-a09a-4c3c4327a4cc",
    "person_properties": {},
}
POSTHOG_CAPTURE: Final[dict[str, Any]] = {
    "api_key": "<ph_project_api_key>",
    "event": "report created",
    "properties": {"distinct_id": "user-2", "key1": "value1", "$groups": {"company": "id:5"}},
    "timestamp": "2024-02-16T09:03:11Z",
}
POSTHOG_GROUP: Final[dict[str, Any]] = {
    "api_key": "<ph_project_api_key>",
    "event": "$groupidentify",
    "properties": {
        "distinct_id": "groups_setup_id",
        "$group_type": "company",
        "$group_key": "id:5",
        "$group_set": {"company_name": "Awesome Inc.", "employees": 11, "subscriptions": [1]},
    },
}

_NULLS: Final = [
    "page_referrer",
    "refr_urlscheme",
    "refr_urlhost",
    "refr_urlport",
    "refr_urlpath",
    "refr_urlquery",
    "refr_urlfragment",
    "refr_medium",
    "refr_source",
    "refr_term",
    "mkt_medium",
    "mkt_source",
    "mkt_term",
    "mkt_content",
    "mkt_campaign",
    "se_category",
    "se_action",
    "se_label",
    "se_property",
    "se_value",
    "tr_orderid",
    "tr_affiliation",
    "tr_total",
    "tr_tax",
    "tr_shipping",
    "tr_city",
    "tr_state",
    "tr_country",
    "ti_orderid",
    "ti_sku",
    "ti_name",
    "ti_category",
    "ti_price",
    "ti_quantity",
    "pp_xoffset_min",
    "pp_xoffset_max",
    "pp_yoffset_min",
    "pp_yoffset_max",
    "useragent",
    "br_name",
    "br_family",
    "br_version",
    "br_type",
    "br_renderengine",
    "br_lang",
    "br_features_java",
    "br_cookies",
    "br_colordepth",
    "br_viewwidth",
    "br_viewheight",
    "os_name",
    "os_family",
    "os_manufacturer",
    "os_timezone",
    "dvce_type",
    "dvce_ismobile",
    "dvce_screenwidth",
    "dvce_screenheight",
    "doc_charset",
    "doc_width",
    "doc_height",
    "tr_currency",
    "tr_total_base",
    "tr_tax_base",
    "tr_shipping_base",
    "ti_currency",
    "ti_price_base",
    "base_currency",
    "geo_timezone",
    "mkt_clickid",
    "mkt_network",
    "etl_tags",
    "dvce_sent_tstamp",
    "refr_domain_userid",
    "refr_dvce_tstamp",
]
SNOWPLOW_WITHOUT_ACCOUNT: Final[dict[str, Any]] = {
    "geo_location": "46.9,7.4",
    "app_id": "angry-birds",
    "platform": "web",
    "etl_tstamp": "2024-01-26T00:01:25.292Z",
    "collector_tstamp": "2024-01-26T00:02:05Z",
    "dvce_created_tstamp": "2024-01-26T00:03:57.885Z",
    "event": "unstruct",
    "event_id": "c6ef3124-b53a-4b13-a233-0088f79dcbcb",
    "txn_id": 41828,
    "name_tracker": "cloudfront-1",
    "v_tracker": "js-2.1.0",
    "v_collector": "clj-tomcat-0.1.0",
    "v_etl": "serde-0.5.2",
    "user_id": "jon.doe@example.com",
    "user_ipaddress": "192.0.2.234",
    "domain_userid": "bc2e92ec6c204a14",
    "domain_sessionidx": 3,
    "network_userid": "ecdff4d0-9175-40ac-a8bb-325c49733607",
    "geo_country": "CH",
    "geo_latitude": 46.9,
    "geo_longitude": -7.4,
    "page_url": "http://www.example.com",
    "page_title": "On Analytics",
    "page_urlport": 80,
    **dict.fromkeys(_NULLS),
    "contexts_org_schema_web_page_1": [
        {
            "genre": "blog",
            "inLanguage": "en-US",
            "datePublished": "2014-11-06T00:00:00Z",
            "breadcrumb": ["blog", "releases"],
            "keywords": ["snowplow", "javascript", "tracker", "event"],
        }
    ],
    "contexts_org_w3_performance_timing_1": [
        {"navigationStart": 1415358089861, "redirectStart": 0, "fetchStart": 1415358089870, "loadEventEnd": 0}
    ],
    "unstruct_event_com_snowplowanalytics_snowplow_link_click_1": {
        "targetUrl": "http://www.example.com",
        "elementClasses": ["foreground"],
        "elementId": "exampleLink",
    },
    "br_features_pdf": True,
    "br_features_flash": False,
    "contexts_com_snowplowanalytics_snowplow_ua_parser_context_1": [
        {"useragentFamily": "IE", "useragentMajor": "7", "useragentPatch": None, "deviceFamily": "Other"}
    ],
    "domain_sessionid": "2b15e5c8-d3b1-11e4-b9d6-1681e6b88ec1",
    "derived_tstamp": "2024-01-26T00:03:57.886Z",
    "event_vendor": "com.snowplowanalytics.snowplow",
    "event_name": "link_click",
    "event_format": "jsonschema",
    "event_version": "1-0-0",
    "event_fingerprint": "e3dbfa9cca0412c3d4052863cefb547f",
    "true_tstamp": "2024-01-26T00:03:57.886Z",
}
SNOWPLOW: Final[dict[str, Any]] = {
    **SNOWPLOW_WITHOUT_ACCOUNT,
    "contexts_com_acme_account_1": [{"account_id": "acme", "plan": "pro"}],
}

EVERY_PAYLOAD: Final[dict[str, dict[str, Any]]] = {
    "segment track event": SEGMENT_TRACK,
    "segment page event": SEGMENT_PAGE,
    "segment screen event": SEGMENT_SCREEN,
    "segment identify": SEGMENT_IDENTIFY,
    "segment group": SEGMENT_GROUP,
    "segment alias": SEGMENT_ALIAS,
    "segment batch": SEGMENT_BATCH,
    "cloudevents, binary data": CLOUD_BINARY_DATA,
    "cloudevents, xml": CLOUD_XML,
    "cloudevents, json": CLOUD_JSON,
    "cloudevents, text": CLOUD_TEXT,
    "cloudevents event": CLOUD_EVENT,
    "posthog export event": POSTHOG_EXPORT,
    "posthog capture": POSTHOG_CAPTURE,
    "posthog group": POSTHOG_GROUP,
    "snowplow event without an account": SNOWPLOW_WITHOUT_ACCOUNT,
    "snowplow event": SNOWPLOW,
}
