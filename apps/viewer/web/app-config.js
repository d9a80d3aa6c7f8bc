// Read by OHIF's index.html as a classic script before the application. OHIF calls the function with the importer of its
// own extensions; what it returns is the configuration.
(() => {
  const base = window.PUBLIC_URL || "/";
  const stockModes = [
    "longitudinal",
    "basic",
    "segmentation",
    "tmtv",
    "microscopy",
    "preclinical-4d",
    "ultrasound-pleura-bline",
  ];

  const dataSources = [
    {
      namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
      sourceName: "dicomweb",
      configuration: {
        friendlyName: "DICOMweb",
        name: "dicomweb",
        // Same origin: the server answers itself or forwards to the PACS, so no other origin is ever contacted.
        qidoRoot: `${base}dicom-web`,
        wadoRoot: `${base}dicom-web`,
        wadoUriRoot: `${base}dicom-web`,
        qidoSupportsIncludeField: false,
        supportsReject: false,
        supportsStow: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        imageRendering: "wadors",
        thumbnailRendering: "wadors",
        enableStudyLazyLoad: true,
        dicomUploadEnabled: true,
        omitQuotationForMultipartRequest: true,
        singlepart: "bulkdata,video",
        bulkDataURI: { enabled: true, relativeResolution: "studies" },
        // OHIF's own export writes Label Map SEG with RLE otherwise, which few PACS and readers know.
        segmentation: { store: { defaultMode: "bitmap", transferSyntaxUID: "1.2.840.10008.1.2.1" } },
      },
    },
  ];

  const logo = (React) =>
    React.createElement(
      "div",
      { className: "flex items-center gap-2 whitespace-nowrap", "data-testid": "samrefine-brand" },
      React.createElement("span", { className: "text-foreground text-lg font-semibold" }, "SAM Refine"),
      React.createElement("span", { className: "text-muted-foreground text-xs" }, "Research use only"),
    );

  const common = {
    routerBasename: null,
    showStudyList: true,
    customizationService: {},
    whiteLabeling: { createLogoComponentFn: logo },
    // The header says it on every page; a dialog that must be closed at every start would only train users to close it.
    investigationalUseDialog: { option: "never" },
    maxNumberOfWebWorkers: 3,
    maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
    showWarningMessageForCrossOrigin: true,
    showCPUFallbackMessage: true,
    strictZSpacingForVolumeViewport: true,
    defaultDataSourceName: "dicomweb",
    dataSources,
  };

  const configure = async ({ peerImport }) => {
    try {
      const { default: plugin } = await import(`${base}samrefine/index.js`);
      const { extensions, modes } = await plugin({
        peerImport,
        configuration: { modelIndexUrl: `${base}samrefine/models/index.json` },
      });
      // The stock modes are hidden, not removed: ours builds on two of them. Their own AI tools load models from a hub.
      const modesConfiguration = Object.fromEntries(
        stockModes.map((name) => [`@ohif/mode-${name}`, { hide: { $set: true } }]),
      );
      return { ...common, extensions, modes, modesConfiguration };
    } catch (error) {
      console.error("The SAM Refine extension could not be loaded; OHIF starts with its own modes only.", error);
      return { ...common, extensions: [], modes: [] };
    }
  };

  // Some parts of OHIF read the data sources from this object before, or instead of, calling it.
  window.config = Object.assign(configure, { dataSources });
})();
