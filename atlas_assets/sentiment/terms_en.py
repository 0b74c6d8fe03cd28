"""Terms of finance in English, each row with its reason; reviewed by hand. `terms` says what the kinds mean."""

ROWS: tuple[tuple[str, float, str, str], ...] = (
    (
        "move", 1.6, "an increase", """
            rise | rises | rose | risen | rising | climb | climbs | climbed | climbing | advance | advances |
            advanced | advancing | edge up | edges up | edged up | higher | move higher | moves higher | tick up |
            ticks up | grow | grows | grew | grown | growing | increase | increases | increased | increasing |
            up from | inch up | inches up | pick up | picks up | picked up | improve | improves | improved |
            improving | improvement | strengthen | strengthens | strengthened | strengthening | accelerate |
            accelerates | accelerated | accelerating | rise to | rises to | rose to | uptick | upturn | expanded |
            perk up | perks up
        """,
    ),
    (
        "move", 2.2, "a large increase or a recovery", """
            surge | surges | surged | surging | soar | soars | soared | soaring | jump | jumps | jumped | jumping |
            rally | rallies | rallied | rallying | rocket | rockets | skyrocket | skyrockets |
            skyrocketed | spike | spikes | spiked | shoot up | shoots up | shot up | rebound | rebounds | rebounded |
            rebounding | bounce | bounces | bounced | leap | leaps | leapt | spurt | pop | pops | popped | double |
            doubles | doubled | doubling | tripled | triples | quadrupled | melt up | ripping | ripped higher |
            gapped up | gapping up | run up | running up | recover | recovers | recovered | recovering | recovery |
            outperform | outperforms | outperformed | outperforming | break out | breaks out | breaking out |
            breakout | fly | soars to
        """,
    ),
    (
        "move", -1.6, "a decrease", """
            fall | falls | fell | fallen | falling | drop | drops | dropped | dropping | decline | declines |
            declined | declining | decrease | decreases | decreased | decreasing | lower | slip | slips | slipped |
            slipping | ease | eases | eased | easing | dip | dips | dipped | edge down | edges down | edged down |
            slide | slides | slid | sliding | retreat | retreats | retreated | shrink | shrinks | shrank | shrinking |
            contract | contracts | contracted | contraction | weaken | weakens | weakened | weakening | slow | slows |
            slowed | slowing | slowdown | down from | shed | sheds | move lower | moves lower | diminished |
            pull back | pulls back | pullback | downturn | deteriorate | deteriorates | deteriorated | deterioration |
            lag | lags | lagged | softer | narrow | narrows | narrowed | narrowing | narrower | subside | subsides |
            subsided | fall to | falls to | fell to | waning | halved | halve | halves
        """,
    ),
    (
        "move", -2.2, "a large decrease", """
            plunge | plunges | plunged | plunging | tumble | tumbles | tumbled | tumbling | slump | slumps | slumped |
            slumping | sink | sinks | sank | sinking | crash | crashes | crashed | crashing | collapse | collapses |
            collapsed | collapsing | nosedive | nosedives | plummet | plummets | plummeted | plummeting | tank |
            tanks | tanked | sell off | sells off | selloff | slashed | crater | craters | cratered | crumble |
            crumbles | crumbled | rout | correction | wipe out | wipes out | wiped out | took a tumble | worst day |
            underperform | underperforms | underperformed | underperforming | gapped down | dive | dives | dived |
            reel | reels | reeling | meltdown | freefall
        """,
    ),
    (
        "action", 1.8, "up, where what goes up is named", """
            raise | raises | raised | raising | boost | boosts | boosted | boosting | lift | lifts | lifted |
            lifting | hike | hikes | hiked | hiking | up | upped | ups | add to | extend | extends | extended |
            expand | expands | expanding | expansion | widen | widens | widened | widening | wider | deepen |
            deepens | deepened | swell | swells | swelled | mount | mounts | mounted | mounting | balloon | balloons |
            ballooned | higher than expected | better than expected | gain | gains | gained | gaining | top | tops |
            topped | topping | exceed | exceeds | exceeded | exceeding | beat | beats | beating | above | record |
            highest
        """,
    ),
    (
        "action", -1.8, "down, where what goes down is named", """
            cut | cuts | cutting | slash | slashes | slashing | trim | trims | trimmed | trimming | reduce | reduces |
            reduced | reducing | reduction | lowered | lowers | lowering | down | suspend | suspends | suspended |
            suspending | suspension | withdraw | withdraws | withdrew | withdrawn | withdrawing | scrap | scraps |
            scrapped | pull | pulls | pulled | halt | halts | halted | delay | delays | delayed | curb | curbs |
            curbed | eliminate | eliminates | eliminated | cancel | cancels | canceled | cancelled | below | lowest |
            smaller than expected | lower than expected | worse than expected | weaker than expected | miss | misses |
            missed | missing | trail | trails | trailed
        """,
    ),
    (
        "measure", 0.0, "a rise of it is good for whoever holds it", """
            profit | profits | earnings | eps | income | revenue | revenues | revs | sales | turnover | margin |
            margins | ebit | ebitda | ebita | share | shares | stock | stocks | stock price | share price |
            price target | target | targets | pt | outlook | guidance | forecast | forecasts | view | estimate |
            estimates | expectations | consensus | dividend | dividends | payout | buyback | repurchase |
            distribution | growth | gdp | output | production | orders | order intake | order book | backlog |
            demand | deliveries | shipments | volume | volumes | market share | futures | index | nasdaq | dow | s&p |
            ftse | dax | nikkei | sensex | nifty | markets | market | equities | bonds | oil | crude | gold | silver |
            bitcoin | ether | euro | dollar | pound | yen | ffo | nii | cash flow | aum | jobs | payrolls |
            employment | confidence | sentiment | exports | imports | traffic | subscribers | users | bookings |
            rating | ratings | credit rating | economy | activity | spending | investment | top line | bottom line |
            quarter | q1 | q2 | q3 | q4 | profitability | productivity | efficiency | capacity | sales volume |
            net sales | operating profit | points | premarket | results | fq1 | fq2 | fq3 | fq4 | prices | price |
            home sales | retail sales | building permits | housing starts
        """,
    ),
    (
        "burden", -1.6, "bad by itself, and worse where it rises", """
            loss | losses | net loss | operating loss | deficit | deficits | default | defaults | bankruptcies |
            insolvencies | layoffs | job cuts | job losses | writedowns | write-downs | impairment | impairments |
            shortfall | delinquencies | foreclosures
        """,
    ),
    (
        "burden", 0.0, "a fall of it is good", """
            cost | costs | expense | expenses | debt | debts | leverage | unemployment | unemployment rate |
            jobless claims | claims | joblessness | inventory | inventories | churn | emissions | tariff | tariffs |
            taxes | fears | worries | concerns | tensions | cases | deaths | death toll | death tolls | virus cases |
            infections | liabilities | risk | risks | volatility | uncertainty | interest expense | capex |
            downtime | delinquency | short interest | stress | skepticism | capital expenditure | provisions |
            headwinds | infection | fraud | complaints | recalls | outflows | redemptions | charges | inflation |
            inflation rate | cpi | ppi | consumer prices | producer prices | interest rates | mortgage rates |
            bond yields | treasury yields | vix | default rate | default rates | delinquency rate | delinquency rates
        """,
    ),
    (
        "tone", 2.2, "results against what was expected", """
            beat estimates | beats estimates | beat expectations | beats expectations | earnings beat | profit beat |
            revenue beat | beats on revenue | beats by | beat on | tops estimates | tops expectations |
            tops consensus | tops guidance | above expectations | above estimates | above consensus |
            exceeds expectations | exceeded expectations | beat and raise | raises guidance | raised guidance |
            outlook raised | better than feared | ahead of expectations | blowout quarter | surprise profit |
            record profit | record sales | record revenue | record earnings | q4 beat | q3 beat | q2 beat | q1 beat |
            crushes estimates | smashes estimates | meet expectations | meets expectations | meets estimates
        """,
    ),
    (
        "tone", 2.0, "analysts' changes for the better", """
            upgrade | upgrades | upgraded | upgrading | price target raised | target raised | pt raised |
            raised to buy | upped to buy | started at buy | starts at buy | starts at outperform |
            started at outperform | started at overweight | initiated at buy | initiated at overweight | rated buy |
            rated outperform | conviction list | top pick | top picks | outperform rating | buy rating | overweight |
            maintained as buy | reiterated buy | initiated as positive | outlooks to positive | outlook to positive |
            rating raised | double upgrade | strong buy | sees upside | upside
        """,
    ),
    (
        "tone", 2.0, "what traders say who expect a rise", """
            bull | bulls | bullish | bull case | bull run | bull market | long | going long | go long | im long |
            buy the dip | buying dips | buying the dip | buying | accumulating | accumulation | to the moon |
            squeeze | short squeeze | undervalued | buyers | momentum | new high | new highs | record high |
            record highs | all-time high | all-time highs | all time high | highs | multi-year high |
            record territory | closing highs | day highs | 52-week high | clearing resistance | calls bought |
            big buy | adding | added | golden cross | oversold | catalyst | good investment | most bullish |
            favorable outlook | trades higher | open higher | opens higher | close higher | closes higher |
            end higher | ends higher | upbeat | rosy
        """,
    ),
    (
        "tone", 1.8, "business goes well", """
            profitable | turned to a profit | turned to profit | turnaround | turned profitable |
            swings to profit | swung to profit | back in the black |
            tailwind | tailwinds | windfall | robust | solid | resilient | outpaced | outpace | outpaces |
            blockbuster | stellar | upswing | best quarter | best day | strong demand | strong growth |
            strong results | strong sales | solid results | healthy balance sheet | share buyback | buyback program |
            repurchase program | share repurchase | special dividend | dividend increase | dividend boost |
            dividend hike | initiates dividend | raises dividend | hikes dividend | boosts dividend
        """,
    ),
    (
        "tone", 1.5, "events that help", """
            win | wins | won | wins contract | won a contract | wins order | won an order | awarded | awards | award |
            contract win | secures contract | secures order | lands contract | wins approval | fda approval |
            approves | oks | ok's | gets approval | approval | approved | cleared | clearance | breakthrough |
            positive results | positive data | positive topline | favorable | favourable | settlement | settles |
            reaches settlement | wins ruling | takeover offer | takeover bid | acquisition offer | tie-up | restart |
            reopen | reopens | reopening | joining the s&p | stimulus | relief | accelerated review |
            breakthrough designation | efficient | competitive | innovative | sound | brighter | brightens |
            expects to double | intact | outstanding | sets record | sets records | milestone | record year
        """,
    ),
    (
        "tone", -2.2, "results against what was expected", """
            misses by | misses on | misses on revenue | missed estimates | misses estimates | misses expectations |
            missed expectations | earnings miss | revenue miss | profit miss | sales miss | eps miss | miss by |
            just missed | below consensus | below expectations | below estimates | fell short | falls short |
            fall short | falling short | short of expectations | shy of guidance | shy of estimates | profit warning |
            profit warnings | warns on profit | warned on profit | guidance cut | outlook cut | cuts guidance |
            cut guidance | lowers guidance | lowered guidance | cuts outlook | cuts forecast | withdraws guidance |
            pulls guidance | pulls outlook | suspends guidance | disappoint | disappoints | disappointed |
            disappointing | surprise loss | wider loss | weak guidance | soft guidance | weak results |
            trails estimates | trailed estimates | q4 miss | q3 miss | q2 miss | q1 miss
        """,
    ),
    (
        "tone", -2.0, "analysts' changes for the worse", """
            downgrade | downgrades | downgraded | downgrading | cut to hold | cut to sell | cut to neutral |
            cuts to hold | cuts to sell | cuts to neutral | cut to underperform | price target cut | target cut |
            pt cut | price target lowered | target lowered | target slashed | price target slashed | targets trimmed |
            target trimmed | underweight | rated sell | sell rating | underperform rating | to underperform |
            to neutral from | started at sell | turns negative | turn negative | turned negative |
            outlook to negative | cools on | rating cut | cautious on
        """,
    ),
    (
        "tone", -2.0, "what traders say who expect a fall", """
            bear | bears | bearish | bear case | bear market | bear markets | short seller | short sellers |
            short report | downside | downbeat | trades lower | trade lower | opens lower | open lower |
            closes lower | end lower | ends lower | premarket losers | go short | going short | shorting | puts |
            overvalued | overbought | overpriced | bubble | selling | sellers | sell-off | dumping | dump | dumps |
            dumped | panic | new low | new lows | record low | record lows | lows | multi-year low | 52-week low |
            all-time low | death cross | dead cat | bagholder | bagholders | bagholding | rug pull | losing streak |
            rekt | losers | in the red | red alert | liquidation | capitulation | bloodbath | correction territory
        """,
    ),
    (
        "tone", -2.0, "business or economy fails", """
            bankruptcy | bankrupt | chapter 11 | insolvency | insolvent | going concern | default on | defaulted |
            delist | delisting | delisted | restructuring | write-down | writedown | write-off | impairment charge |
            goodwill impairment | swings to loss | turned to a loss | swung to a loss | swung to loss |
            loss-making | unprofitable |
            distress | distressed | liquidity crisis | margin call | credit crunch | downgrade to junk | junk |
            junk bonds | recession | stagnation | stagnant | hard landing | stagflation | depression
        """,
    ),
    (
        "tone", -1.8, "events and words that hurt", """
            lay off | lays off | laid off | laying off | layoff | cut jobs | cuts jobs | job cut | axes jobs | shut |
            shuts | shutting | shutdown | closures | recall | recalled | lawsuit | lawsuits | sue | sues | sued |
            class action | probe | probes | probed | investigation | investigations | investigated | subpoena |
            fined | fine of | penalty | penalties | fraud charges | scandal | bribes | bribery | antitrust |
            data breach | hacked | sec charges | accounting irregularities | restates | restatement | rejection |
            rejects | complete response letter | clinical hold | trial failure | fails trial | halts trial | strikes |
            rail strike | sanctions | trade war | price war | dilution | dilutive | stock offering | equity offering |
            share offering | public offering | secondary offering | pricing equity offering | capital raise |
            dividend cut | cuts dividend | cut dividend | suspends dividend | suspended dividends | suspends buyback |
            halts production | production halt | headwind | oversupply | glut | weak demand | soft demand | sluggish |
            weak | weaker | weakness | softness | challenging | tough | struggles | struggling | struggle | woes |
            strain | strained | jeopardize | hurt | hurts | hit by | takes a hit | taking a hit | stumble | stumbles |
            stumbled | fears of | drag | drags | drag on | sours | sour | gloomy | bleak | bleaker | grim | ugly |
            warns | warn | warned | warning | adverse | adversely | negative impact | loses | lost | losing | risky |
            unprecedented decline | shortage | shortages | disruption | disruptions | backfire | backfires | plumbs
        """,
    ),
    (
        "tone", 1.6, "a price or number with its plus sign, written so by the reader of texts", """
            +%
        """,
    ),
    (
        "tone", -1.6, "the same with its minus sign", """
            -%
        """,
    ),
    (
        "plain", 0.0, "of everyday meaning, or too common in news of companies to tell anything", """
            spark | wars | win out | winning out | launched | launches | before taxes | before tax |
            impact | avoid | worried | worry | worries about | frenzy |
            slashed prices | production cuts | production cut | oil cuts | oil cut | output cuts | output cut |
            cuts production | cut production | approval process | record sale |
            settlement prices | top losers | gainers among | among losers | among the losers |
            leads the losers | price target of | credit | energy | security | securities | united | trust | trusts |
            value | values | interest | interests | interested | support | supports | supported | help | helps |
            helping | hand | hands | play | plays | playing | party | parties | partner | partners | partnership |
            natural | natural gas | treasury | treasuries | wells | wells fargo | amazon | number | highlight |
            highlights | best buy | fresh | free | care | healthcare | health | well | like | likes | great britain |
            kind | pretty | justice | wealth | wealthy | wealth fund | sovereign wealth fund | holiday | holidays |
            fire | strike | gross | vice | vice president | asset | assets | solution | solutions | intelligence |
            alert | reach | reached | reaches | limited | pay | pays | paying | paid | no | yes | please | save |
            saving | savings | agree | agrees | agreed | agreement | agreements | exclusive | novel | cancer | death |
            dead | die | dies | died | war | super | super bowl | want | wants | wanted | need | best | great | hope |
            hopes | hoping | create | creates | created | creating | creation | committed | commitment | gift |
            gifts | join | joins | joined | game | games | fun | fan | fans | friend | friends | love | loves |
            luxury | award winning | giving | engage | engaged | engagement | certain | certainly | clear | clearly |
            ensure | ensures | importance | important | comprehensive | opportunity | opportunities | progress |
            promise | promises | promised | advantage | advantages | benefit | benefits | block | blocks | blocked |
            fight | fights | fighting | attack | attacks | kill | killed | crisis | emergency | attracts |
            attractive | capital | special | sprint | target corp | vision | smart | wise | worth | worthy | true |
            alone | admit | admits | admitted | apology | crazy | active | adequate | appreciate | argue | forced |
            demands | escape | ease of | isolation | low | stop | stops | stopped | ban | bans | banned | problem |
            problems | challenge | challenges | issue | approval rating | legal | legally |
            dividend yield | lack | poor | standard & poor's | interesting | excited | pleased | glad | thank |
            thanks | welcome | welcomes | peace | safe | safety | secure | secured | secures | trusted | determined |
            dominates | dominate | dominant | chance | leadership | share capital | sharing | resolved | warm |
            sunshine | sweet | fair | fair value | responsible | confident | gains tax | capital gains | long-term |
            long term | longer | as long as | short-term | short term | no longer | joint venture | fund | hard |
            careful | serious | severe | intense | lucky | doubt | doubts | mine | mines | dirty |
            crude oil | broke | broken | debit | rate cut | rate cuts | rate hike | cut rates |
            cuts rates | cutting rates | trade deal | put options | make up | set up | start up | sign up |
            follow up | clean up | grown up | scale up | step down | stepping down | steps down | break down |
            write up | profile | profitability index | profit margin
        """,
    ),
)  # fmt: skip
"""Kind, valence, reason, and the terms between bars."""
