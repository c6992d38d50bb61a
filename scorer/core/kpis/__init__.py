"""Product engagement KPIs (SCORING 3, docs/decisions/0010): exact distinct counts, of accounts, segments, the product.

spans     which days count
share     what an account adds to its segments and to the product: integers that add up
census    shares of many accounts at once, from the counts
figures   a share -> the KPIs
"""
