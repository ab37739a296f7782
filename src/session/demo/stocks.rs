//! The stocks of the demo. Prices are near those of August 2017; activity is relative.

/// A stock or fund that is quoted all day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stock {
    pub(super) symbol: &'static str,
    /// Price at the start of the day, in cents.
    pub(super) cents: i64,
    /// Quotes and trades relative to the others.
    pub(super) activity: f64,
    /// Deviation of a day's return.
    pub(super) volatility: f64,
    /// `S` for a stock, `E` for a fund.
    pub(super) security_type: &'static str,
    /// The feed that carries it: `UTP` for NASDAQ's listings, `CTA` for others.
    pub(super) source: &'static str,
}

const fn stock(symbol: &'static str, cents: i64, activity: f64, volatility: f64, source: &'static str) -> Stock {
    Stock { symbol, cents, activity, volatility, security_type: "S", source }
}

const fn fund(symbol: &'static str, cents: i64, activity: f64, volatility: f64, source: &'static str) -> Stock {
    Stock { symbol, cents, activity, volatility, security_type: "E", source }
}

/// What is quoted.
pub(super) const STOCKS: [Stock; 40] = [
    stock("AAPL", 15965, 9.0, 0.011, "UTP"),
    stock("ADBE", 15120, 1.4, 0.013, "UTP"),
    stock("AMD", 1245, 4.0, 0.028, "UTP"),
    stock("AMZN", 95645, 3.5, 0.012, "UTP"),
    stock("BA", 23960, 1.2, 0.011, "CTA"),
    stock("BAC", 2378, 5.0, 0.013, "CTA"),
    stock("C", 6810, 2.6, 0.012, "CTA"),
    stock("CAT", 11640, 1.1, 0.012, "CTA"),
    stock("CSCO", 3146, 2.6, 0.010, "UTP"),
    stock("CVX", 10720, 1.2, 0.009, "CTA"),
    stock("DIS", 10230, 1.6, 0.010, "CTA"),
    stock("F", 1078, 2.4, 0.012, "CTA"),
    stock("FB", 16710, 4.5, 0.012, "UTP"),
    stock("GE", 2450, 3.8, 0.011, "CTA"),
    stock("GILD", 7330, 1.7, 0.014, "UTP"),
    stock("GOOG", 92140, 1.6, 0.011, "UTP"),
    stock("GS", 22180, 1.2, 0.012, "CTA"),
    stock("HD", 15020, 1.2, 0.010, "CTA"),
    stock("IBM", 14330, 1.3, 0.008, "CTA"),
    stock("INTC", 3460, 3.0, 0.010, "UTP"),
    fund("IWM", 13640, 3.6, 0.009, "CTA"),
    stock("JNJ", 13290, 1.3, 0.007, "CTA"),
    stock("JPM", 9150, 2.4, 0.011, "CTA"),
    stock("KO", 4570, 1.5, 0.007, "CTA"),
    stock("MSFT", 7280, 4.2, 0.010, "UTP"),
    stock("MU", 3160, 2.8, 0.021, "UTP"),
    stock("NFLX", 16760, 2.4, 0.017, "UTP"),
    stock("NVDA", 16410, 3.4, 0.019, "UTP"),
    stock("ORCL", 4920, 1.6, 0.010, "CTA"),
    stock("PFE", 3340, 2.0, 0.008, "CTA"),
    fund("QQQ", 14210, 5.0, 0.009, "UTP"),
    fund("SPY", 24450, 10.0, 0.006, "CTA"),
    stock("T", 3790, 2.6, 0.008, "CTA"),
    stock("TSLA", 35240, 2.8, 0.020, "UTP"),
    stock("TWTR", 1690, 2.0, 0.019, "CTA"),
    stock("V", 10360, 1.4, 0.009, "CTA"),
    stock("VMW", 10390, 0.8, 0.014, "CTA"),
    stock("VZ", 4860, 1.9, 0.008, "CTA"),
    stock("WMT", 7860, 1.7, 0.009, "CTA"),
    stock("XOM", 7650, 2.0, 0.008, "CTA"),
];

/// Further tickers that have closing prices.
pub(super) const FURTHER: &str = "A AA AAL AAP ABBV ABC ABT ACN ADI ADM ADP ADS ADSK AEE AEP AES AET AFL AGN AIG AIV AIZ AJG AKAM ALB ALGN ALK ALL \
    ALLE ALXN AMAT AME AMG AMGN AMP AMT ANDV ANSS ANTM AON AOS APA APC APD APH ARE ARNC ATVI AVB AVGO AVY AWK AXP AYI AZO BAX BBT BBY BCR BDX BEN BHF \
    BIIB BK BLK BLL BMY BSX BWA BXP CA CAG CAH CB CBG CBOE CBS CCI CCL CDNS CELG CERN CF CFG CHD CHK CHRW CHTR CI CINF CL CLX CMA CMCSA CME CMG \
    CMI CMS CNC CNP COF COG COH COL COO COP COST COTY CPB CRM CSRA CSX CTAS CTL CTSH CTXS CVS CXO D DAL DE DFS DG DGX DHI DHR DISCA DISH DLPH DLR \
    DLTR DOV DPS DRE DRI DTE DUK DVA DVN DWDP EA EBAY ECL ED EFX EIX EL EMN EMR EOG EQIX EQR EQT ES ESRX ESS ETFC ETN ETR EVHC EW EXC EXPD EXPE EXR \
    FAST FBHS FCX FDX FE FFIV FIS FISV FITB FL FLIR FLR FLS FMC FOX FRT FTI FTV GD GGP GIS GLW GM GPC GPN GPS GRMN GT GWW HAL HAS HBAN HBI HCA HCN HCP \
    HES HIG HLT HOG HOLX HON HP HPE HPQ HRB HRL HRS HSIC HST HSY HUM ICE IDXX IFF ILMN INCY INFO INTU IP IPG IR IRM ISRG IT ITW IVZ JBHT JCI JEC JNPR JWN \
    K KEY KIM KLAC KMB KMI KMX KORS KR KSS KSU";
