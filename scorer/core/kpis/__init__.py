"""Product engagement KPIs (SCORING 3, docs/decisions/0010): exact distinct counts, of accounts, segments, the product.

spans         which days count
share         what an account adds to its segments and to the product: whole numbers that add up
census        shares of many accounts at once, from the counts
totals        what shares add up to
board         the KPIs of one partition, kept up to date
figures       a share -> the KPIs
documents     what readers are told of them
shares_topic  totals of partitions, and the sums of all
"""
